"""The assisting task as Gymnasium knows environments (docs/gymnasium.md); gymnasium is imported by who asks for one."""
