"""The second interactive program: its second thread goes on taking replies, whatever it gets, an end of file too."""
from interactive import run


def receive_messages(connection):
    try:
        while True:
            connection.recv(1024).decode("utf-8")
            print("File Blocked! you are in the Queue")
    except (OSError, UnicodeDecodeError) as error:
        print(f"Error receiving messages: {error}")


run(2, receive_messages)
