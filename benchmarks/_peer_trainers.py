"""The trainers that benchmarks/peers.py compares ours with, each with our network."""

import math
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import torch
from gymnasium.vector import VectorEnv
from torch import Tensor, nn

from lightning_modules.networks.actor_critic import ActorCritic, PolicyInput, PolicyOutput

NOISE_STD = 0.13
"""As in configs/ablations/policy/independent_noise.yaml."""

STEPS = 50
"""Control steps of a rollout, which are those of an episode."""

BATCH, GAMMA, LAMBDA, EPOCHS, LEARNING_RATE, GRAD_NORM = 2560, 0.995, 0.98, 4, 2.0e-4, 1.0


class Rows(nn.Module):
    """A network of ours that reads rows: the policy's inputs, then the cloud's feature."""

    def __init__(self, network: ActorCritic) -> None:
        super().__init__()
        self.network = network
        self.log_std = nn.Parameter(torch.full((network.action_dim,), math.log(NOISE_STD)))

    def inputs(self, rows: Tensor) -> PolicyInput:
        """The parts of rows (B, D + F)."""
        split = rows.shape[1] - self.network.feature_dim
        return PolicyInput(rows[:, :split], rows[:, split:], rows.new_zeros(len(rows), 0))

    def forward(self, rows: Tensor) -> PolicyOutput:
        """Means and values."""
        output: PolicyOutput = self.network(self.inputs(rows))
        return output


def train_sb3(env: VectorEnv[Any, Any, Any], rows: Rows, rollouts: int) -> None:
    """Stable-Baselines3's PPO."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.distributions import DiagGaussianDistribution
    from stable_baselines3.common.policies import ActorCriticPolicy

    from envs.gym.sb3 import SB3Worlds

    class Policy(ActorCriticPolicy):
        """Ours, as Stable-Baselines3 wants it."""

        def _build(self, lr_schedule: Callable[[float], float]) -> None:
            self.rows = rows
            self.optimizer = torch.optim.Adam(self.rows.parameters(), lr=lr_schedule(1))

        def _around(self, mean: Tensor) -> Any:
            normal = DiagGaussianDistribution(mean.shape[1])
            return normal.proba_distribution(mean, self.rows.log_std)

        def forward(self, obs: Any, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
            output = self.rows(obs)
            normal = self._around(output.mean)
            action = normal.get_actions(deterministic)
            return action, output.value, normal.log_prob(action)

        def evaluate_actions(self, obs: Any, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
            output = self.rows(obs)
            normal = self._around(output.mean)
            return output.value, normal.log_prob(actions), normal.entropy()

        def get_distribution(self, obs: Any) -> Any:
            return self._around(self.rows(obs).mean)

        def predict_values(self, obs: Any) -> Tensor:
            value: Tensor = self.rows(obs).value
            return value

    learner = PPO(
        Policy, SB3Worlds(env), n_steps=STEPS, batch_size=BATCH, n_epochs=EPOCHS, gamma=GAMMA, gae_lambda=LAMBDA,
        learning_rate=LEARNING_RATE, vf_coef=1.0, max_grad_norm=GRAD_NORM, seed=0, device="cpu",
    )  # fmt: skip
    learner.learn(rollouts * STEPS * env.num_envs)


def train_skrl(env: VectorEnv[Any, Any, Any], rows: Rows, rollouts: int) -> None:
    """skrl's PPO."""
    from skrl.agents.torch.ppo import PPO
    from skrl.envs.wrappers.torch import wrap_env
    from skrl.memories.torch import RandomMemory
    from skrl.models.torch import DeterministicMixin, GaussianMixin, Model
    from skrl.trainers.torch import SequentialTrainer

    class Shared(GaussianMixin, DeterministicMixin, Model):
        """Ours, as skrl wants it; the value is kept for the call that asks for it."""

        def __init__(self, **spaces: Any) -> None:
            Model.__init__(self, **spaces)
            GaussianMixin.__init__(self, role="policy")
            DeterministicMixin.__init__(self, role="value")
            self.rows = rows
            self._value: Tensor | None = None

        def act(self, inputs: dict[str, Tensor], *, role: str = "") -> Any:
            return (GaussianMixin if role == "policy" else DeterministicMixin).act(self, inputs, role=role)

        def compute(self, inputs: dict[str, Tensor], role: str = "") -> tuple[Tensor, dict[str, Tensor]]:
            if role == "policy":
                output = self.rows(inputs["observations"])
                self._value = output.value[:, None]
                return output.mean, {"log_std": self.rows.log_std}
            value = self.rows(inputs["observations"]).value[:, None] if self._value is None else self._value
            self._value = None
            return value, {}

    wrapped = wrap_env(env, wrapper="gymnasium", verbose=False)
    spaces = {"observation_space": wrapped.observation_space, "action_space": wrapped.action_space, "device": "cpu"}
    shared = Shared(**spaces)
    with TemporaryDirectory() as folder:
        settings = {
            "rollouts": STEPS, "learning_epochs": EPOCHS, "mini_batches": max(1, STEPS * env.num_envs // BATCH),
            "discount_factor": GAMMA, "gae_lambda": LAMBDA, "learning_rate": LEARNING_RATE,
            "grad_norm_clip": GRAD_NORM, "value_loss_scale": 1.0,
            "experiment": {"directory": folder, "write_interval": 0, "checkpoint_interval": 0},
        }  # fmt: skip
        memory = RandomMemory(memory_size=STEPS, num_envs=env.num_envs, device="cpu")
        agent = PPO(models={"policy": shared, "value": shared}, memory=memory, cfg=settings, **spaces)
        told = {"timesteps": rollouts * STEPS, "headless": True, "close_environment_at_exit": False}
        SequentialTrainer(env=wrapped, agents=agent, cfg=told).train()


PEERS: dict[str, Callable[[VectorEnv[Any, Any, Any], Rows, int], None]] = {"sb3": train_sb3, "skrl": train_skrl}
