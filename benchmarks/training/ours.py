"""Our side: networks of the cells, alone and in stacks, through the package's public names."""

import network
from training.cells import CLASSES, L2, LEARNING_RATE, ConvolutionCell, Data, DenseCell
from training.rounds import Contestant


def dense(cell: DenseCell, data: Data, networks: int, *, validated: bool = True) -> network.Training:
    """Return the training of a stack of a dense cell; `validated`: every epoch ends with the metrics."""
    architecture = network.Architecture(
        inputs=data.x_train.shape[1],
        outputs=CLASSES,
        hidden=cell.hidden,
        batch_size=cell.batch,
        normalization="batch" if cell.batch_normalization else "none",
        dropout=cell.dropout > 0,
    )
    return network.Training(architecture, _members(networks, cell.dropout), _training_data(data, validated=validated))


def convolution(cell: ConvolutionCell, data: Data, networks: int, *, validated: bool = True) -> network.Training:
    """Return the training of a stack of a convolution cell; `validated`: every epoch ends with the metrics."""
    architecture = network.Architecture(
        inputs=cell.side**2,
        outputs=CLASSES,
        hidden=(),
        batch_size=cell.batch,
        image=(cell.side, cell.side, 1),
        convolutions=tuple(network.Convolution(channels, pool=2) for channels in cell.channels),
    )
    return network.Training(architecture, _members(networks, 0.0), _training_data(data, validated=validated))


def contestant(training: network.Training) -> Contestant:
    """Return a stack, an epoch of which is a turn."""
    networks = len(training.members)
    return Contestant(name(networks), training.train_epoch, networks)


def name(networks: int) -> str:
    """Return what a stack of so many is called."""
    return "hpo" if networks == 1 else f"hpo, stack of {networks}"


def _members(networks: int, dropout: float) -> list[network.Member]:
    return [network.Member(seed, learning_rate=LEARNING_RATE, l2=L2, dropout=dropout) for seed in range(networks)]


def _training_data(data: Data, *, validated: bool) -> network.TrainingData:
    train = data.x_train.reshape(len(data.x_train), -1), data.y_train
    if not validated:
        return network.TrainingData(*train)
    return network.TrainingData(*train, data.x_validation.reshape(len(data.x_validation), -1), data.y_validation)
