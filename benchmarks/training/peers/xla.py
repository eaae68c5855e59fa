"""JAX: an epoch compiled whole by XLA, mapped over a stack of networks of any learning rates."""

from itertools import pairwise
from math import sqrt

import jax
import jax.numpy as jnp

from training.cells import L2, LEARNING_RATE, Data, DenseCell
from training.rounds import Contestant

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def stack(cell: DenseCell, data: Data, networks: int) -> Contestant:
    """Return the training of a stack; its first run compiles."""
    x, y = jnp.asarray(data.x_train), jnp.asarray(data.y_train)
    steps, left = divmod(len(x), cell.batch)

    def step(state, rows):
        parameters, first, second, count, rate = state
        loss, gradients = jax.value_and_grad(_loss)(parameters, x[rows], y[rows])
        gradients = [(dw + L2 * w, db) for (dw, db), (w, _) in zip(gradients, parameters, strict=True)]
        count += 1
        first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradients)
        scale = rate / (1 - BETA1**count)
        correction = 1 / (1 - BETA2**count)
        parameters = jax.tree.map(
            lambda p, m, v: p - scale * m / (jnp.sqrt(v * correction) + EPSILON), parameters, first, second
        )
        return (parameters, first, second, count, rate), loss

    def epoch(state, key):
        key, own = jax.random.split(key)
        order = jax.random.permutation(own, len(x))
        state, losses = jax.lax.scan(step, state, order[: steps * cell.batch].reshape(steps, cell.batch))
        total = losses.sum() * cell.batch
        if left:
            state, loss = step(state, order[-left:])
            total += loss * left
        return state, key, total / len(x)

    compiled = jax.jit(jax.vmap(epoch), donate_argnums=(0, 1))
    keys = jax.random.split(jax.random.key(0), networks)
    state = jax.vmap(lambda key: _start(cell, key))(keys)

    def run() -> None:
        nonlocal state, keys
        state, keys, _ = jax.block_until_ready(compiled(state, keys))

    return Contestant(name(networks), run, networks)


def name(networks: int) -> str:
    """Return what a stack of so many is called."""
    return "JAX" if networks == 1 else f"JAX, stack of {networks}"


def _start(cell: DenseCell, key):
    """Return parameters, Adam's two moments, the steps made, and the learning rate."""
    keys = jax.random.split(key, len(cell.widths) - 1)
    parameters = [
        (sqrt(2 / inputs) * jax.random.normal(own, (inputs, outputs)), jnp.zeros(outputs))
        for own, (inputs, outputs) in zip(keys, pairwise(cell.widths), strict=True)
    ]
    moments = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
    return parameters, *moments, jnp.zeros(()), jnp.asarray(LEARNING_RATE)


def _loss(parameters, x, y):
    for weights, biases in parameters[:-1]:
        x = jax.nn.relu(x @ weights + biases)
    outputs = x @ parameters[-1][0] + parameters[-1][1]
    return (jax.nn.logsumexp(outputs, axis=-1) - jnp.take_along_axis(outputs, y[:, None], axis=-1)[:, 0]).mean()
