"""From a checkpoint to one ONNX file that onnxruntime runs without PyTorch."""
