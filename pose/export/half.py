"""`pose export --fp16`: weights in half precision, which is half the file; all is still computed in single precision.

Each large constant is stored as float16 with a `Cast` to float32 behind it, which runtimes do once, as they load the
file. To compute in float16 is another thing: values in networks with DY-ReLU-C reach 9e4, and it ends at 65,504.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

SMALLEST = 1024  # numbers; of fewer there is nothing to save


def halve_weights(graph: ModelProto) -> ModelProto:
    """Make a copy of a graph whose large constants are float16; those that it cannot hold stay as they are."""
    made = ModelProto()
    made.CopyFrom(graph)
    constants, casts = [], []
    for tensor in made.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= SMALLEST and np.abs(values).max() < np.finfo(np.float16).max:
            name = f"{tensor.name}.half"
            casts.append(helper.make_node("Cast", [name], [tensor.name], name=name, to=TensorProto.FLOAT))
            constants.append(numpy_helper.from_array(values.astype(np.float16), name))
        else:
            constants.append(tensor)
    nodes = [*casts, *made.graph.node]
    del made.graph.initializer[:], made.graph.node[:]
    made.graph.initializer.extend(constants)
    made.graph.node.extend(nodes)
    return made
