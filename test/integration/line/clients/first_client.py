"""The first interactive program: when its second thread gets a text, the program can read no more input and ends."""
import sys

from interactive import run


def receive_messages(connection):
    try:
        connection.recv(1024).decode("utf-8")
        print("Message from server: File Blocked you are in the Queue!")
        sys.stdin.close()
    except (OSError, UnicodeDecodeError) as error:
        print(f"Error receiving messages: {error}")


run(1, receive_messages)
