"""The assistant beside a real or simulated hand: controller, its sources and sinks. No simulator, no training."""
