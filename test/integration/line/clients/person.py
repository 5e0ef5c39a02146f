"""A person at a terminal: starts both interactive programs on pseudo-terminals of their own, at the same time, types at a
person's pace, and prints as JSON which replies were shown and how each program ended.

    person.py MASTER_PORT SESSIONS
"""
import json
import os
import pty
import select
import signal
import sys
import threading
import time

# Between two inputs, and how long a person waits for a reply before trying the next thing.
PAUSE_S = 0.6
PATIENCE_S = 4.0
HERE = os.path.dirname(os.path.abspath(__file__))


class Terminal:
    def __init__(self, program, port):
        self.screen = ""
        self.seen = 0
        self.is_over = False
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, "-u", os.path.join(HERE, program), str(port)])

    def see(self, text, patience_s=PATIENCE_S):
        """Whether `text` appears after what was seen before, within a person's patience."""
        until = time.monotonic() + patience_s
        while text not in self.screen[self.seen:]:
            ready, _, _ = select.select([self.fd], [], [], max(0.0, until - time.monotonic()))
            if not ready or not self.read():
                return False
        self.seen = self.screen.index(text, self.seen) + len(text)
        return True

    def read(self):
        """Takes what the program has printed; false when it has ended."""
        try:
            piece = os.read(self.fd, 65536)
        except OSError:
            piece = b""
        self.screen += piece.decode("utf-8", "replace")
        self.is_over = piece == b""
        return not self.is_over

    def answer(self, prompt, text):
        """Waits for the prompt, pauses, types."""
        if not self.see(prompt):
            return False
        time.sleep(PAUSE_S)
        os.write(self.fd, text.encode() + b"\n")
        return True

    def ends(self):
        """Whether the program ends by itself."""
        self.see("never printed")
        return self.is_over

    def close(self):
        if not self.is_over:
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def session(program, port, name):
    """The names of the operations whose reply was shown, in order, up to the first that was not."""
    terminal = Terminal(program, port)
    operations = [
        ("create", ["1", name], "FILE_CREATED"),
        ("write", ["2", name, f"hello from {name}"], "FILE_WRITTEN"),
        ("read", ["3", name], f"FILE_CONTENT:hello from {name}"),
        ("delete", ["4", name], "FILE_DELETED"),
        ("read again", ["3", name], "FILE_NOT_FOUND"),
        ("exit", ["5"], "exiting..."),
    ]
    prompts = ["Enter your choice (1-5): ", "Enter file name: ", "Enter content: "]
    shown = ["find"] if terminal.see(": PRIMARY_SERVER_INFO:127.0.0.1,") else []
    for operation, inputs, reply in operations:
        if not all(terminal.answer(prompt, text) for prompt, text in zip(prompts, inputs)):
            break
        if not terminal.see(reply if operation == "exit" else f": {reply}"):
            break
        shown.append(operation)
    if shown[-1:] == ["exit"] and terminal.ends():
        shown.append("end")
    terminal.close()
    return {"program": program, "shown": shown, "screen": terminal.screen[-2000:]}


def main():
    port, sessions = int(sys.argv[1]), int(sys.argv[2])
    results = []
    for number in range(sessions):
        threads = [
            threading.Thread(target=lambda p=program: results.append(session(p, port, f"{p[:-3]}-{number}.txt")))
            for program in ["first_client.py", "second_client.py"]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(json.dumps(results))


main()
