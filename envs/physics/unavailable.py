"""What every command says where the chosen simulator cannot be had."""


class PhysicsUnavailableError(RuntimeError):
    """A physics backend cannot be used here: an interpreter, a package or a worker is missing or broken.

    Says what to install or to choose; `envs.plain_errors.plain_errors` ends commands with it.
    """
