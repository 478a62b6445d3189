"""Error pages of DEBUG without passwords: Django hides what has a telling name; a URL has none."""

import re
from typing import Any

from django.views.debug import SafeExceptionReporterFilter

#: The password in the URL of a database or a broker.
_PASSWORD = re.compile(r"(?<=://)([^/@\s]*?):[^/\s]*@")


class ReporterFilter(SafeExceptionReporterFilter):
    """Masks passwords in URLs as well; ``DEFAULT_EXCEPTION_REPORTER_FILTER``."""

    def cleanse_setting(self, key: Any, value: Any) -> Any:
        """A setting, or a value of the request, as the page may show it."""
        cleansed = super().cleanse_setting(key, value)
        if not isinstance(cleansed, str):
            return cleansed
        return _PASSWORD.sub(rf"\1:{self.cleansed_substitute}@", cleansed)
