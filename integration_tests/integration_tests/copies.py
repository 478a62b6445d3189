"""Where a word is stored: in any column of the library's tables, or in a queue."""

from integration_tests import broker, databases
from integration_tests.stack import Stack

_TABLES = """
    SELECT table_name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_name LIKE 'cqrs\\_%'
"""


def tables_with(url: str, word: str) -> set[str]:
    """The library's tables with a row that holds the word, as text or in bytes."""
    patterns = [f"%{word}%", f"%{word.encode().hex()}%"]
    return {
        name
        for (name,) in databases.rows(url, _TABLES)
        for query in [f"SELECT count(*) FROM {name} row WHERE row::text LIKE ANY(%s)"]
        if databases.value(url, query, patterns)
    }


def places_of(stack: Stack, word: str) -> set[str]:
    """Everywhere, but in the tables of the services themselves."""
    places = {f"master: {name}" for name in tables_with(stack.master.database_url, word)}
    places |= {f"replica: {name}" for name in tables_with(stack.replica.database_url, word)}
    return places | {
        queue
        for queue in (stack.replica.queue, stack.replica.dead_letter_queue)
        if any(word.encode() in body for body in broker.peek(stack.broker_url, queue))
    }
