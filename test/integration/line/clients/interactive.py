"""What both interactive programs have in common: the question to the master, the menu, and one recv for each reply.

Written for the tests. It behaves as the original programs do where that matters to a server: requests have no terminator,
a reply is whatever one recv(1024) returns, and a second thread reads the same socket from the connect on.
"""
import socket
import sys
import threading

PREFIX = "PRIMARY_SERVER_INFO:"
MENU = "\nOperations:\n1. Create File\n2. Write File\n3. Read File\n4. Delete File\n5. Exit"
VERBS = {"1": "CREATE_FILE", "2": "WRITE_FILE", "3": "READ_FILE", "4": "DELETE_FILE"}


def find_primary(number, port):
    with socket.create_connection(("127.0.0.1", port)) as master:
        print(f"Client {number} connected to Master Server.")
        master.sendall(b"FIND_PRIMARY_SERVER")
        reply = master.recv(1024).decode("utf-8")
    print(f"Response for client {number}: {reply}")
    try:
        host, primary_port = reply.split(":")[1].split(",")
        return host, int(primary_port)
    except (IndexError, ValueError):
        print(f"Invalid PRIMARY_SERVER_INFO format: {reply[len(PREFIX):]}")
        print("Failed to find the primary server.")
        sys.exit(0)


def converse(number, connection):
    """The menu, until 5 is chosen."""
    while True:
        print(MENU)
        choice = input("Enter your choice (1-5): ")
        if choice == "5":
            print(f"Client {number} exiting...")
            return
        if choice not in VERBS:
            print("Invalid choice.")
            continue
        message = f"{VERBS[choice]}:{input('Enter file name: ')}"
        if choice == "2":
            message += f":{input('Enter content: ')}"
        connection.sendall(message.encode("utf-8"))
        print(f"Response for client {number}: {connection.recv(1024).decode('utf-8')}")


def run(number, receive_messages):
    host, port = find_primary(number, int(sys.argv[1]))
    connection = socket.create_connection((host, port))
    print(f"Client {number} connected to Primary Server on {host}:{port}")
    threading.Thread(target=receive_messages, args=(connection,)).start()
    try:
        converse(number, connection)
    except (OSError, ValueError, EOFError) as error:
        print(f"Error sending/receiving data: {error}")
