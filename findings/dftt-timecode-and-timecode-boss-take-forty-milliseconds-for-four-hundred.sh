#!/usr/bin/env bash
# version: dftt-timecode 1.0.0 (Python 3.11), timecode-boss 6.2.0 (npm)
# Behaviour: both turn a time of the clock into a frame, and both lose the zeros with which a fraction of a second
#   begins. dftt-timecode matches "00:00:01.040", makes the whole number 40 of the digits behind the point and writes
#   "0." before it again. timecode-boss takes the milliseconds of a Date and divides them by ten until they are not
#   above one, so 40 becomes 0.4, and 1, 10 and 100 stay at one whole second.
# Guess: 1.040 seconds at 25 frames a second is frame 26, in both.
# Seen: dftt-timecode says 1.4 seconds, frame 35, also for what it wrote itself (frame 26 is written 00:00:01.04).
#   Of 250 pictures of a clip at 25 fps 20 are misplaced, by 9 and 18 frames; at 100 fps it is 90 of 1000, by up to 81
#   frames, the times are not in order any more, and each of the wrong ones falls on a frame that exists.
#   timecode-boss puts 40 ms on frame 10 of the second instead of 1, and 100 ms on the first frame of the next second.
#   With 120 ms, 400 ms and 960 ms both are right, so a test with half a second finds nothing.
# Why it matters: times of this form stand in the logs of video tools, and Dates in what cameras and sensors send; one
#   lays keypoints, gaze or forces on pictures with them. Nothing is raised: a leg that has touched the ground is shown
#   0.36 or 0.72 seconds later, in the first tenth of every second.
# Instead: give dftt-timecode a comma and three digits ("00:00:01,040") or seconds ("1.040s"); give timecode-boss the
#   fields with frames: Math.floor(ms * fps / 1000). All of these are right for every frame (checked below).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check dftt-timecode==1.0.0
npm install --silent --no-audit --no-fund --ignore-scripts timecode-boss@6.2.0
cat > see.py <<'PY'
from dftt_timecode import DfttTimecode


def clock(milliseconds, mark="."):
    return f"00:00:{milliseconds // 1000:02d}{mark}{milliseconds % 1000:03d}"


def frames(fps, seconds, write):
    step = 1000 // fps
    return [DfttTimecode(write(frame * step), fps=fps).framecount for frame in range(fps * seconds)]


one = DfttTimecode("00:00:01.040", fps=25)
print("00:00:01.040 is", one.timestamp, "seconds and frame", one.framecount)
assert one.type == "ffmpeg" and one.timestamp == 1.4 and one.framecount == 35
written = DfttTimecode(26, "frame", fps=25).timecode_output("ffmpeg")
again = DfttTimecode(written, fps=25).framecount
print("frame 26 is written", written, "and read as frame", again)
assert written == "00:00:01.04" and again == 35
assert DfttTimecode("00:00:01.040000", fps=25).framecount == 35  # six digits do not help
assert [DfttTimecode(f"00:00:01.{d}", fps=25).framecount for d in ("120", "400", "960")] == [28, 35, 49]

for fps, wrong, most, second in ((25, 20, 18, 35), (100, 90, 81, 110)):
    read = frames(fps, 10, clock)
    off = [got - frame for frame, got in enumerate(read)]
    print(f"{fps} fps: {sum(map(bool, off))} of {len(off)} pictures misplaced, by up to {max(off)} frames")
    assert sum(map(bool, off)) == wrong and max(off) == most and min(off) == 0
    assert read != sorted(read) and max(read) < len(read)
    assert read[fps:fps + 2] == [fps, second]

# what to do instead
for fps in (25, 100):
    right = list(range(fps * 10))
    assert frames(fps, 10, lambda ms: clock(ms, ",")) == right
    assert frames(fps, 10, lambda ms: f"{ms / 1000:.3f}s") == right
PY
cat > see.cjs <<'JS'
const assert = require("node:assert");
const Timecode = require("timecode-boss");

const fps = 25;
const seen = (ms) => new Timecode(new Date(2026, 5, 1, 12, 0, 0, ms), fps);
for (const [ms, text] of [[40, "12:00:00:10"], [80, "12:00:00:20"], [100, "12:00:01:00"], [10, "12:00:01:00"]]) {
  console.log(`12:00:00 and ${ms} ms is ${seen(ms)}`);
  assert.equal(String(seen(ms)), text);
}
for (const [ms, frame] of [[0, 0], [120, 3], [400, 10], [960, 24]]) assert.equal(seen(ms).frames, frame);

// what to do instead
for (let ms = 0; ms < 1000; ms += 1) {
  const fields = { hours: 12, minutes: 0, seconds: 0, frames: Math.floor((ms * fps) / 1000) };
  const right = new Timecode(fields, fps);
  assert.equal(right.frameCount() - 12 * 3600 * fps, Math.floor(ms / 40));
}
JS
venv/bin/python see.py
node see.cjs
echo "as recorded"
