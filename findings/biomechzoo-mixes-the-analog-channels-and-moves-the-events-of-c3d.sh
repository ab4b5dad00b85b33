#!/usr/bin/env bash
# version: biomechzoo 0.8.25, ezc3d 1.7.2, numpy 2.2.6
# Behaviour: c3d2zoo_data, through which biomechzoo reads every C3D file, reshapes ezc3d's table of analog channels without transposing it: each
#   channel gets every C-th sample of all C channels, one after the other. Rates are cut to whole numbers, so 29.97 becomes 29, and each event
#   is put at the frame round(time * 29) - 1.
# Guess: "Fz" holds the samples of Fz; the rate is 29.97; an event at 20 seconds belongs to frame 599, which was taken at that time.
# Seen: force plate channels Fx (1), Fy (2), Fz (700 and more): each of the three comes out as a third of ones, a third of twos and a third of
#   700s, of the right length. The event at 20.0 s is at frame 579, two thirds of a second early: a heel that is at 599 mm there is read at 579 mm.
# Why it matters: forces and EMG of gait data are wrong in a way that looks like a signal; foot strikes move further away the longer a video
#   of 29.97 or 59.94 frames a second is, and angles "at foot strike" are read from other frames.
# Instead: read analogs and events with ezc3d itself: analogs[0].T is samples by channels, frames are round(time * rate).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check numpy==2.2.6 ezc3d==1.7.2
venv/bin/pip install --quiet --disable-pip-version-check --no-deps biomechzoo==0.8.25
cat > see.py <<'PY'
import importlib.util
import sys
import types

import ezc3d
import numpy as np

# only the reader is loaded: the package as a whole imports dash, plotly and others
root = importlib.util.find_spec("biomechzoo").submodule_search_locations[0]
for name in ("biomechzoo", "biomechzoo.conversion", "biomechzoo.utils"):
    module = types.ModuleType(name)
    module.__path__ = ["/".join([root, *name.split(".")[1:]])]
    sys.modules[name] = module
from biomechzoo.conversion.c3d2zoo_data import c3d2zoo_data

RATE, FRAMES, SUB = 29.97, 640, 4
FORCES = ["Fx", "Fy", "Fz"]

c3d = ezc3d.c3d()
c3d["parameters"]["POINT"]["RATE"]["value"] = [RATE]
c3d["parameters"]["POINT"]["LABELS"]["value"] = ["SACR", "LHEE"]
points = np.ones((4, 2, FRAMES))
points[0] = np.arange(FRAMES)
c3d["data"]["points"] = points
c3d["parameters"]["ANALOG"]["RATE"]["value"] = [RATE * SUB]
c3d["parameters"]["ANALOG"]["LABELS"]["value"] = FORCES
forces = np.stack([np.full(FRAMES * SUB, 1.0), np.full(FRAMES * SUB, 2.0), 700 + np.arange(FRAMES * SUB) / 10])
c3d["data"]["analogs"] = forces[None]
c3d.add_event(time=[0, 20.0], context="Left", label="Foot Strike", subject="ann")
c3d.write("walk.c3d")

read = ezc3d.c3d("walk.c3d")
assert np.allclose(read["data"]["analogs"][0], forces, rtol=1e-4)
zoo = c3d2zoo_data(read)
for i, name in enumerate(FORCES):
    line = zoo[name]["line"][:, 0]
    third = len(line) // 3
    print(name, "is", forces[i, :3], "and is read as", line[:2], line[third + 1 : third + 3], line[-2:].round(1))
    assert len(line) == FRAMES * SUB
    assert np.allclose(line[: third - 1], 1) and np.allclose(line[third + 1 : 2 * third - 1], 2) and (line[2 * third + 1 :] >= 700).all()
    assert np.allclose(line, forces.reshape(-1)[i::3], rtol=1e-4)

video, analog = zoo["zoosystem"]["Video"]["Freq"], zoo["zoosystem"]["Analog"]["Freq"]
(frame, *_), = zoo["SACR"]["event"].values()
heel = zoo["LHEE"]["line"][frame, 0]
print("rates", video, analog, "event at 20 s in frame", frame, "where the heel is at", heel, "and the time is", round(frame / RATE, 2))
assert (video, analog) == (29, 119)
assert frame == 579
assert abs(zoo["LHEE"]["line"][round(20.0 * RATE), 0] - 599) < 1e-3
PY
venv/bin/python -W ignore see.py
echo "seen: channels mixed, events moved"
