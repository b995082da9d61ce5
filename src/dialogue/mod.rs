//! How a model is led to write one long chain: strategies, templates, the turn machine, stitching. Pure: no store, no thread, no screen.
