from network.layers.base import Layer, Parameter
from network.layers.dense import Dense
from network.layers.elementwise import Elementwise

__all__ = ["Dense", "Elementwise", "Layer", "Parameter"]
