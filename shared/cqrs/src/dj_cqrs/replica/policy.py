"""What the settings say about retries: for models with no word of their own, and unknown ones."""

from dj_cqrs import conf


class SettingsPolicy:
    """The retry policy of ``CQRS['replica']``."""

    @staticmethod
    def should_retry_cqrs(
        current_retry: int,
        exception: Exception | None = None,  # noqa: ARG004
    ) -> bool:
        """Whether to try the message again after ``current_retry`` attempts; may be overridden."""
        max_retries = conf.config().replica.max_retries
        return max_retries is None or current_retry < max_retries

    @staticmethod
    def get_cqrs_retry_delay(current_retry: int) -> int:  # noqa: ARG004
        """Seconds until the next attempt; may be overridden."""
        return conf.config().replica.retry_delay_seconds
