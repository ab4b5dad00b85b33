"""The command `pose`. Results go to stdout, messages and progress to stderr; bad input exits with 2."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import signal
import sys
import warnings
from typing import Annotated, Any, NoReturn, TextIO, cast

try:
    import rich  # noqa: F401 (wanted by every command)
    import typer
    from typer.core import TyperGroup
except ModuleNotFoundError as error:  # of the install without PyTorch
    print(
        f"error: the command pose needs {error.name}, which is not installed: pip install typer rich; "
        f"without them there is pose.load in Python",
        file=sys.stderr,
    )
    sys.exit(2)

import pose
from pose.cli.check import check
from pose.cli.convert import convert, split
from pose.cli.demo import demo
from pose.cli.detect import detect
from pose.cli.download import download
from pose.cli.env import env
from pose.cli.evaluate import evaluate
from pose.cli.export import export, export_detector
from pose.cli.figures import figures
from pose.cli.inspect import inspect
from pose.cli.label import label
from pose.cli.new import new
from pose.cli.predict import predict
from pose.cli.predict_video import clip
from pose.cli.report import compare, report
from pose.cli.runs import runs
from pose.cli.score import score
from pose.cli.summary import summary
from pose.cli.tables import tables
from pose.cli.train import train
from pose.runtime.ctrl_c import STOPPED
from pose.runtime.lasting_stream import READER_GONE, LastingStream
from pose.runtime.opencv_settings import check_opencv_settings
from pose.runtime.paths import expand_home
from pose.runtime.stop import Ended, Interruption
from pose.runtime.text import as_message

# Every other import stands inside a command, so that `pose --help` answers at once.

# Modules that `pose predict` does without on exported files, and their packages.
HEAVY = {
    "torch": "torch",
    "torchvision": "torchvision",
    "albumentations": "albumentations==2.0.8",
    "pycocotools": "pycocotools",
    "pydantic": "pydantic",
    "yaml": "PyYAML",
    "safetensors": "safetensors",
    "PIL": "pillow",
    "msgspec": "msgspec",
}

WITHOUT_TORCH = "`pose predict` takes .onnx files of `pose export`, its detector one of `pose export-detector`"


class _Commands(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Expand `~` where the shell did not: in `--out=~/drawn`, `data.root=~/coco` and in quotes."""
        return super().parse_args(ctx, [expand_home(word) for word in args])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            _stop(str(error))


app = typer.Typer(
    name="pose",
    cls=_Commands,
    help="Lightweight human pose estimation with Dynamic ReLU: train, evaluate, look.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pose {pose.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    size = os.environ.get("WORLD_SIZE", "1")
    if size != "1" and context.invoked_subcommand != "train":
        if os.environ.get("RANK", "0") != "0":
            raise typer.Exit  # the first one says it; at a failure here, torchrun would end it before that
        raise ValueError(
            f"`pose {context.invoked_subcommand}` runs in one process, and here are {size} (WORLD_SIZE): start it "
            "without torchrun. `pose train` takes several, for its evaluations too"
        )


app.command()(new)
app.command()(train)
app.command(name="eval")(evaluate)
app.command()(score)
app.command()(predict)
app.command()(export)
app.command(name="export-detector")(export_detector)
app.command()(check)
app.command()(label)
app.command()(convert)
app.command()(split)
app.command()(detect)
app.command()(runs)
app.command()(report)
app.command()(compare)
app.command()(summary)
app.command()(tables)
app.command()(inspect)
app.command()(demo)
app.command()(figures)
app.command()(clip)
app.command()(download)
app.command()(env)


def main() -> None:
    """Run the command line and exit; the work goes on where its messages cannot be written.

    Results on stdout that cannot be written do show in the exit code: 141, as of a process that SIGPIPE ends, if
    their reader is gone, else 2.
    """
    before = sys.stdout, sys.stderr
    out, err = (None if stream is None else LastingStream(stream) for stream in before)  # None: closed from the start
    sys.stdout, sys.stderr = cast("tuple[TextIO, TextIO]", (out, err))
    try:
        with Interruption() as interruption:
            try:
                _run(interruption)
            except BaseException as end:
                code = end.code if isinstance(end, SystemExit) else 1
                if interruption.came and code and not isinstance(end, _Stop):
                    _stop()  # whatever it broke on its way, or whoever took it for the end
                if not code and out is not None:
                    _pass_on_results(out)
                raise
    finally:
        sys.stdout, sys.stderr = before


class _Stop(SystemExit):
    """Ctrl-C has ended the command, and that was said."""


def _stop(line: str = "") -> NoReturn:
    """End a command that Ctrl-C has stopped; `line` is what it has to say itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once more would change nothing
    print(line or STOPPED, file=sys.stderr)
    raise _Stop(130)


def _pass_on_results(out: LastingStream) -> None:
    """Write what stdout holds back; exits if that, or something before, could not be written."""
    out.flush()
    if out.error is None:
        return
    out.silence()  # Python would try once more at its end
    if out.error.errno in READER_GONE:
        sys.exit(141)
    print(f"error: cannot write the results: {out.error.strerror or out.error}", file=sys.stderr)
    sys.exit(2)


def _run(interruption: Interruption) -> None:
    """What users can get wrong ends in one message, not a traceback."""
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # names of files may have letters that the terminal lacks
            with contextlib.suppress(OSError):  # once it is done, it asks a file where it is, which may be a pipe now
                stream.reconfigure(errors="backslashreplace")
    try:
        check_opencv_settings()
        _app_of(sys.argv[1:2])(prog_name="pose")  # also where it is `python -m pose`
    except Ended:
        sys.exit(2)
    except (ValueError, OSError, Warning, RuntimeError, ImportError) as error:  # Warning: PYTHONWARNINGS=error
        message = None if interruption.came else _explain(error)
        if message is None or os.environ.get("POSE_DEBUG"):
            raise
        print(as_message(f"error: {message}"), file=sys.stderr)
        sys.exit(2)


def _app_of(words: list[str]) -> typer.Typer:
    """The app with the command of its first word alone; the whole app for words that are no command.

    Making all commands takes as long as importing onnxruntime.
    """
    own = [
        command
        for command in app.registered_commands
        if words == [command.name or getattr(command.callback, "__name__", "")]
    ]
    chosen = copy.copy(app)
    chosen.registered_commands = own or app.registered_commands
    return chosen


def _explain(error: Exception) -> str | None:
    """What to tell the user; None for what no user can mend.

    Errors of the system go without their number, those of a loader process without its traceback.
    """
    if isinstance(error, RecursionError):
        return "a file is nested too deeply to be read (lists in lists ...); replace it"
    if isinstance(error, RuntimeError):  # pathlib's, up to Python 3.12
        return f"{error}; a link leads to itself, remove it" if "Symlink loop" in str(error) else None
    if isinstance(error, ModuleNotFoundError):  # of the install without PyTorch
        package = HEAVY.get((error.name or "").split(".")[0])
        missing = f"this needs {error.name}, which is not installed: pip install {package}; without it "
        return missing + WITHOUT_TORCH if package else None
    if isinstance(error, ImportError):
        return f"a library cannot be loaded ({error}); is there too little memory (ulimit -v), or is it broken?"
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    text = str(error)
    if "Original Traceback (most recent call last)" in text:
        text = re.split(r"\n {2,}.*\n(?! )", text)[-1]  # what follows the last indented line
        text = re.sub(r"\A[\w.]+: ", "", text).strip()
    return text


def _show_warning(message: Warning | str, *details: object, **more: object) -> None:
    print(as_message(f"warning: {message}"), file=sys.stderr)
