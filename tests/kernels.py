"""A real Jupyter kernel, used as a front end does."""

from __future__ import annotations

import os
import queue
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from jupyter_client.manager import KernelManager

PATIENCE = 60  # seconds for one message; far beyond what any takes


@dataclass
class Reply:
    """What one cell answered."""

    status: str = ""
    text: str = ""
    error: str = ""
    next_input: str | None = None
    asked: list[str] = field(default_factory=list)


class Notebook:
    """A kernel, used as a front end does."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(PATIENCE)

    def run(self, source: str, *, answer: str | None = None, interrupt_at: str | None = None) -> Reply:
        """Run a cell. `answer` is given to every question (None: the front end takes none); the kernel is
        interrupted as soon as the output holds `interrupt_at`."""
        id = self.client.execute(source, allow_stdin=answer is not None)
        reply, idle = Reply(), False
        deadline = time.monotonic() + PATIENCE
        while not idle:
            assert time.monotonic() < deadline, reply
            if answer is not None:
                try:
                    question = self.client.get_stdin_msg(timeout=0)
                    reply.asked.append(question["content"]["prompt"])
                    self.client.input(answer)
                except queue.Empty:
                    pass
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != id:
                continue
            content, kind = message["content"], message["msg_type"]
            if kind == "stream":
                reply.text += content["text"]
            elif kind in ("execute_result", "display_data", "update_display_data"):
                reply.text += content["data"].get("text/plain", "") + "\n"
            elif kind == "error":
                reply.error = "\n".join(content["traceback"])
            idle = kind == "status" and content["execution_state"] == "idle"
            if interrupt_at is not None and interrupt_at in reply.text:
                self.manager.interrupt_kernel()
                interrupt_at = None
        shell = self.client.get_shell_msg(timeout=PATIENCE)["content"]
        reply.status = shell["status"]
        for payload in shell.get("payload", ()):
            if payload["source"] == "set_next_input":
                reply.next_input = payload["text"]
        return reply


@contextmanager
def opened(sandbox, folder):
    """A kernel with the extension loaded, on a sandbox."""
    environment = {
        **os.environ,
        "VP_BASE_URL": sandbox.base_url,
        "VP_API_KEY": sandbox.api_key,
        "IPYTHONDIR": str(folder),
    }
    manager = KernelManager()
    manager.kernel_cmd = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.start_kernel(env=environment, cwd=str(folder))
    one = None
    try:
        one = Notebook(manager)
        assert one.run("%load_ext vp_jupyter").status == "ok"
        yield one
    finally:
        if one is not None:
            one.client.stop_channels()
        manager.shutdown_kernel(now=True)
