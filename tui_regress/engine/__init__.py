"""The engine trains. It knows neither Textual nor plotext."""
