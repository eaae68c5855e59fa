"""PyTorch, eager: alone, one after another, and two ways of stacking.

With the quickest Adam it has for a processor, `fused`. Its decay acts on biases too, as usual there.
"""

import copy
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from training.cells import CLASSES, L2, LEARNING_RATE, ConvolutionCell, Data, DenseCell
from training.rounds import Contestant

Parameters = dict[str, torch.Tensor]


def dense(cell: DenseCell) -> nn.Module:
    """Return a network of a dense cell."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(cell.widths[:-1]):
        layers.append(nn.Linear(inputs, outputs))
        layers += [nn.BatchNorm1d(outputs)] if cell.batch_normalization else []
        layers.append(nn.ReLU())
        layers += [nn.Dropout(cell.dropout)] if cell.dropout else []
    return nn.Sequential(*layers, nn.Linear(cell.hidden[-1], CLASSES))


def convolution(cell: ConvolutionCell) -> nn.Module:
    """Return a network of a convolution cell, for images (n, side, side), in the quicker of PyTorch's memory orders."""
    layers: list[nn.Module] = [nn.Unflatten(1, (1, cell.side))]
    for inputs, outputs in pairwise((1, *cell.channels)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(cell.flattened, CLASSES))
    return network.to(memory_format=torch.channels_last)


def alone(model: nn.Module, data: Data, batch: int) -> Contestant:
    """Return the training of one network."""
    return Contestant("PyTorch", _training(model, data, batch))


def in_turn(models: Iterable[nn.Module], data: Data, batch: int) -> Contestant:
    """Return the training of many networks for an epoch each, one after another."""
    trainings = [_training(model, data, batch) for model in models]

    def run() -> None:
        for training in trainings:
            training()

    return Contestant(f"PyTorch, {len(trainings)} in turn", run, networks=len(trainings))


def by_vmap(cell: DenseCell, data: Data, networks: int) -> Contestant:
    """Return the training of a stack through `torch.func`: its modules' parameters stacked, their gradient mapped."""
    models = [dense(cell) for _ in range(networks)]
    parameters, _ = stack_module_state(models)
    skeleton = copy.deepcopy(models[0]).to("meta")
    optimizer = _adam(parameters.values())

    def loss(parameters: Parameters, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(functional_call(skeleton, parameters, (x,)), y)

    gradient = vmap(grad(loss))

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        for name, value in gradient(parameters, x, y).items():
            parameters[name].grad = value
        optimizer.step()

    return Contestant(f"PyTorch, {networks} by vmap", _stacked_epoch(step, data, cell.batch, networks), networks)


def by_batched_products(cell: DenseCell, data: Data, networks: int) -> Contestant:
    """Return the training of a stack written by hand: `baddbmm` over a leading axis, one backward pass for all."""
    layers = []
    for inputs, outputs in pairwise(cell.widths):
        modules = [nn.Linear(inputs, outputs) for _ in range(networks)]
        weights = nn.Parameter(torch.stack([module.weight.detach().T for module in modules]))
        biases = nn.Parameter(torch.stack([module.bias.detach()[None] for module in modules]))
        layers.append((weights, biases))
    optimizer = _adam(parameter for layer in layers for parameter in layer)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        for weights, biases in layers[:-1]:
            x = torch.relu(torch.baddbmm(biases, x, weights))
        outputs = torch.baddbmm(layers[-1][1], x, layers[-1][0])
        # The sum over networks of their mean losses: each parameter meets its own network's gradient.
        loss = nn.functional.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="sum") / y.shape[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return Contestant(f"PyTorch, {networks} by baddbmm", _stacked_epoch(step, data, cell.batch, networks), networks)


def _training(model: nn.Module, data: Data, batch: int) -> Callable[[], None]:
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    optimizer, loss = _adam(model.parameters()), nn.CrossEntropyLoss()

    def epoch() -> None:
        for rows in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            optimizer.step()

    return epoch


def _stacked_epoch(
    step: Callable[[torch.Tensor, torch.Tensor], None], data: Data, batch: int, networks: int
) -> Callable[[], None]:
    x, y = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)

    def epoch() -> None:
        orders = torch.stack([torch.randperm(len(x)) for _ in range(networks)])
        for rows in orders.split(batch, dim=1):
            step(x[rows], y[rows])

    return epoch


_adam = partial(torch.optim.Adam, lr=LEARNING_RATE, weight_decay=L2, fused=True)
