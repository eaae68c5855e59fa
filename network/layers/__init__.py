from network.layers.base import Layer, Noise, Parameter, Remembered, Room, Statistic
from network.layers.batch_normalization import BatchNormalization
from network.layers.convolution import Convolution2D
from network.layers.dense import Dense
from network.layers.dropout import Dropout
from network.layers.elementwise import Elementwise
from network.layers.flatten import Flatten
from network.layers.layer_normalization import LayerNormalization
from network.layers.noisy import Noisy
from network.layers.pooling import AveragePool, MaxPool

__all__ = [
    "AveragePool",
    "BatchNormalization",
    "Convolution2D",
    "Dense",
    "Dropout",
    "Elementwise",
    "Flatten",
    "Layer",
    "LayerNormalization",
    "MaxPool",
    "Noise",
    "Noisy",
    "Parameter",
    "Remembered",
    "Room",
    "Statistic",
]
