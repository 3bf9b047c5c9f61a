"""What one would write without candlewick: FastAPI around an onnxruntime session, states in a dictionary.

    python benchmarks/live/bare.py MODEL_FOLDER fp32|int8

Prints its port. Nothing is checked, recorded or made durable; the caller computes the features.
"""

import socket
import sys

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from candlewick.runtime.proto import with_initializers
from candlewick.runtime.store import open_exported

folder, precision = sys.argv[1:]
exported = open_exported(folder)
graph = exported.graphs[precision]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(
    with_initializers(graph.proto, graph.weights), options, providers=["CPUExecutionProvider"]
)
names = [node.name for node in session.get_inputs()]
shapes = {node.name: node.shape[1:] for node in session.get_inputs()}
states: dict[str, list[np.ndarray]] = {}
app = FastAPI()


class Row(BaseModel):
    symbol: str
    row: list[float]


@app.post("/bars")
async def bars(given: Row) -> dict[str, float | str]:
    state = states.get(given.symbol) or [np.zeros((1, *shapes[name]), np.float32) for name in names[1:]]
    x = np.array([given.row], np.float32)
    raw, *after = session.run(None, dict(zip(names, (x, *state), strict=True)))
    states[given.symbol] = after
    return {"symbol": given.symbol, "value": float(raw[0, 0])}


with socket.socket() as listening:
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listening])
