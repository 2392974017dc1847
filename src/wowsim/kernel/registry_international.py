r"""What the registry says of English (United States) and UTC: ``Control Panel\International``, ``Time Zones``, ``Nls``.

Value names: Microsoft Learn, GetLocaleInfo (LOCALE_*) for the first, TIME_ZONE_INFORMATION for the second; the rest is
common knowledge of regedit (unverified). Who may import it: the kernel package.
"""

from __future__ import annotations

_NAME = "Coordinated Universal Time"

INTERNATIONAL: dict[str, str] = {
    "Locale": "00000409",
    "LocaleName": "en-US",
    "NumShape": "1",
    "iCalendarType": "1",
    "iCountry": "1",
    "iCurrDigits": "2",
    "iCurrency": "0",
    "iDate": "0",
    "iDigits": "2",
    "iFirstDayOfWeek": "6",
    "iFirstWeekOfYear": "0",
    "iLZero": "1",
    "iMeasure": "1",
    "iNegCurr": "0",
    "iNegNumber": "1",
    "iPaperSize": "1",
    "iTLZero": "0",
    "iTime": "0",
    "iTimePrefix": "0",
    "s1159": "AM",
    "s2359": "PM",
    "sCountry": "United States",
    "sCurrency": "$",
    "sDate": "/",
    "sDecimal": ".",
    "sGrouping": "3;0",
    "sLanguage": "ENU",
    "sList": ",",
    "sLongDate": "dddd, MMMM d, yyyy",
    "sMonDecimalSep": ".",
    "sMonGrouping": "3;0",
    "sMonThousandSep": ",",
    "sNativeDigits": "0123456789",
    "sNegativeSign": "-",
    "sPositiveSign": "",
    "sShortDate": "M/d/yyyy",
    "sShortTime": "h:mm tt",
    "sThousand": ",",
    "sTime": ":",
    "sTimeFormat": "h:mm:ss tt",
    "sYearMonth": "MMMM, yyyy",
}

UTC: dict[str, str | bytes] = {
    "Display": f"(UTC) {_NAME}",
    "Dlt": _NAME,
    "Std": _NAME,
    "TZI": bytes(44),
}
"""REG_TZI_FORMAT: no bias, no daylight saving."""

SORTING = {"": "{00000001-57ee-1e5c-00b4-d0000bb1e11e}"}
"""The sort of every locale that has none of its own."""
