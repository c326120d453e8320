"""CUDA C++ that is compiled at run time, installed as data; ``pyuniform.kernels.cuda`` loads it."""
