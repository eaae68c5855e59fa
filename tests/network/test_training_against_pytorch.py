"""A whole training against PyTorch's, fed the same batches."""

import numpy as np
import pytest
import torch
from networks import Case, order_of

from network import Convolution, Member, Training, TrainingData

EPOCHS = 5
COMPANY = Member(seed=90, learning_rate=0.3)


class Images(torch.nn.Module):
    """Rows of pixels, channels last, as PyTorch's images; and back to rows, channels last again."""

    def __init__(self, shape, layers):
        super().__init__()
        self._shape, self.layers = shape, torch.nn.ModuleList(layers)

    def forward(self, x):
        x = x.reshape(-1, *self._shape).movedim(-1, 1)
        for layer in self.layers:
            x = layer(x)
        return x.movedim(1, -1).flatten(1)


def dense_in_pytorch():
    return torch.nn.Sequential(
        torch.nn.Linear(17, 9), torch.nn.BatchNorm1d(9), torch.nn.ReLU(), torch.nn.Linear(9, 3)
    ).double()


def convolutional_in_pytorch():
    stages = [torch.nn.Conv2d(2, 3, 3, 1, 1), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    return torch.nn.Sequential(Images((6, 5, 2), stages), torch.nn.Linear(18, 3)).double()


def learned_in_pytorch(model):
    """Return what a model has learned in the form of `Training.weights`."""
    learned = []
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            learned.append((module.weight.T, module.bias))
        elif isinstance(module, torch.nn.Conv2d):
            kernels = module.weight.permute(2, 3, 1, 0)  # places, channels, filters
            learned.append((kernels.reshape(-1, module.out_channels), module.bias))
        elif isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            learned.append((module.weight, module.bias, module.running_mean, module.running_var))
    return learned


def start_pytorch_at(model, weights):
    """Give a model the parameters of a network; statistics start alike."""
    modules = [module for module in model.modules() if list(module.parameters(recurse=False))]
    with torch.no_grad():
        for module, (matrix, vector, *_) in zip(modules, weights, strict=True):
            values = torch.tensor(matrix)
            if isinstance(module, torch.nn.Conv2d):
                values = values.reshape(*module.kernel_size, module.in_channels, -1).permute(3, 2, 0, 1)
            elif isinstance(module, torch.nn.Linear):
                values = values.T
            module.weight.copy_(values)
            module.bias.copy_(torch.tensor(vector))


NETWORKS = {
    "dense": (dense_in_pytorch, {"shape": "no power of two", "hidden": (9,)}),
    "convolutional": (
        convolutional_in_pytorch,
        {"shape": "images", "hidden": (), "convolutions": (Convolution(3, pool=2),)},
    ),
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, 0.05, (0.9, 0.999)),
}


@pytest.mark.parametrize(("model", "settings"), NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_is_pytorchs(model, settings, optimizer):
    """With batch normalization, fed the same batches: losses, validation losses, weights and statistics, to 1e-6."""
    case = Case.of(**settings, normalization="batch", optimizer=optimizer, activation="relu", dtype="float64")
    data, size, member = case.data, case.architecture.batch_size, Member(seed=3, learning_rate=0.05)
    data = TrainingData(
        data.x_train[:-1], data.y_train[:-1], data.x_validation, data.y_validation
    )  # no single row left
    training = Training(case.architecture, [COMPANY, member], data)
    peer, criterion = model(), torch.nn.CrossEntropyLoss(reduction="none")
    start_pytorch_at(peer, training.weights(1))
    descent = OPTIMIZERS[optimizer](peer.parameters())
    x, y, x_validation, y_validation = (torch.tensor(getattr(data, name)) for name in TrainingData.__slots__[:4])
    for epoch in range(EPOCHS):
        losses, order = [], order_of(member, epoch, len(x))
        peer.train()
        for start in range(0, len(x), size):
            batch = order[start : start + size]
            found = criterion(peer(x[batch]), y[batch])
            losses += found.tolist()
            descent.zero_grad()
            found.mean().backward()
            descent.step()
        peer.eval()
        result = training.train_epoch()[1]
        assert result.loss == pytest.approx(np.mean(losses), rel=1e-6)
        validation = criterion(peer(x_validation), y_validation).mean().item()
        assert result.metrics["loss"] == pytest.approx(validation, rel=1e-6)
    for own, expected in zip(training.weights(1, best=False), learned_in_pytorch(peer), strict=True):
        for array, values in zip(own, expected, strict=True):
            np.testing.assert_allclose(array, values.detach(), rtol=1e-6, atol=1e-6)
