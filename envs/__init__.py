"""The world and the assisting task; its import makes the task known to Gymnasium, whenever that is imported."""

from envs.gym.registration import register_when_imported

register_when_imported()
