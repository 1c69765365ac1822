"""A trained primitive or policy as graphs that run without this project: ONNX files, or programs of torch alone."""
