"""Route messages to functions by category: python examples/router.py."""

from collections.abc import Callable, Sequence

from textshot import Category, Engine

Handler = Callable[[str], str]


class Router:
    """Calls the handler of a message's category, or the fallback if the message fits none.

    It is a plain callable: pass it to a bot, a queue or a web framework.
    """

    def __init__(self, routes: Sequence[tuple[Category, Handler]], fallback: Handler) -> None:
        self.engine = Engine.build(category for category, _ in routes)
        self.handlers = {category.name: handler for category, handler in routes}
        self.fallback = fallback

    def __call__(self, text: str) -> str:
        [answer] = self.engine.classify([text])
        return self.handlers.get(answer.label or "", self.fallback)(text)


def main() -> None:
    router = Router(
        [
            (
                Category("refund request", examples=["I want my money back"]),
                lambda text: "to refunds",
            ),
            (
                Category("late parcel", examples=["Where is my parcel?"]),
                lambda text: "to the couriers",
            ),
            (
                Category("login problem", examples=["I cannot log in"]),
                lambda text: "to the help desk",
            ),
        ],
        fallback=lambda text: "to a person",
    )
    for text in ("my order has not arrived yet", "please pay me back", "nice weather today"):
        print(f"{text}: {router(text)}")


if __name__ == "__main__":
    main()
