"""A service without a database, which writes down what it hears."""
