"""Vocabulary and text of the sample application, in English and Arabic.

Limits: meaning is not attempted; lengths, scripts and how well it compresses are those of real case files.
"""

import copy

from lifeboat.samples.chance import Chance

GIVEN_NAMES = ("Noura", "Khalid", "Maha", "Fahad", "Layla", "Omar", "Sara", "Yousef", "Anna", "James", "نورة", "خالد")
FAMILY_NAMES = ("Al-Harbi", "Al-Qahtani", "Al-Otaibi", "Haddad", "Mansour", "O'Neill", "Smith", "العتيبي", "الحربي")
CITIES = ("Riyadh", "Jeddah", "Dammam", "Abha", "الرياض", "جدة", "الدمام", "أبها")
COURTS = ("General Court", "Labour Court", "Commercial Court", "المحكمة العامة", "المحكمة التجارية", "المحكمة العمالية")
PRACTICES = ("labour", "commercial", "family", "real-estate", "intellectual-property", "administrative")
STATUSES = ("open", "open", "open", "waiting", "closed", "appealed")
ENGLISH = (
    "the claimant submits that the respondent failed to perform clause of agreement dated hearing adjourned until "
    "evidence witness statement contract employment termination notice compensation wages settlement court ordered "
    "judgment appeal filed within days pursuant to article labour law commercial register power attorney enforcement "
    "damages liability invoice payment due partner shareholder lease tenant landlord property deed expert report "
    "was whether not and or in on by with for under against before after shall may must has been were party"
)
ARABIC = (
    "المدعي المدعى عليه المحكمة الجلسة الحكم الاستئناف العقد الإيجار العامل الأجور التعويض الإنهاء الإشعار المادة من "
    "نظام العمل الشركة الشريك السجل التجاري الوكالة التنفيذ الدفع المستحق الفاتورة الشاهد البينة الخبير التقرير "
    "الصلح بين الطرفين على أن يلتزم خلال يوم تاريخ وذلك في مدينة بموجب القرار رقم لسنة تم إلى عن مع ولم حيث"
)
_PARAGRAPH_WORDS = 60


class Prose:
    """Text to cut documents from: a long corpus made once, then sliced, which is far faster than writing anew."""

    def __init__(self, chance: Chance, corpus_characters: int = 2_000_000) -> None:
        self._chance = chance
        self._english = _corpus(chance, ENGLISH, corpus_characters)
        self._arabic = _corpus(chance, ARABIC, corpus_characters // 2)

    def drawn_from(self, chance: Chance) -> "Prose":
        """The same corpus, cut where another chance says: streams of text that do not disturb each other."""
        other = copy.copy(self)
        other._chance = chance
        return other

    def english(self, characters: int) -> str:
        return self._slice(self._english, characters)

    def arabic(self, characters: int) -> str:
        """About twice as many bytes as characters."""
        return self._slice(self._arabic, characters)

    def as_bytes(self) -> bytes:
        """The whole corpus, English first."""
        return (self._english + self._arabic).encode()

    def either(self, characters: int) -> str:
        return self.english(characters) if self._chance.random() < 0.6 else self.arabic(characters)

    def _slice(self, corpus: str, characters: int) -> str:
        start = self._chance.randrange(max(1, len(corpus) - characters))
        return corpus[start : start + characters]


def full_name(chance: Chance) -> str:
    return f"{chance.choice(GIVEN_NAMES)} {chance.choice(FAMILY_NAMES)}"


def _corpus(chance: Chance, vocabulary: str, characters: int) -> str:
    """Paragraphs of words with a number, a date or a sum now and then, as case files have."""
    words = vocabulary.split()
    parts: list[str] = []
    length = 0
    while length < characters:
        picked = chance.choices(words, k=_PARAGRAPH_WORDS)
        picked[chance.randrange(_PARAGRAPH_WORDS)] = f"{chance.randrange(10**6):,}.{chance.randrange(100):02d} SAR"
        picked[chance.randrange(_PARAGRAPH_WORDS)] = f"({chance.randrange(1, 246)}/{chance.randrange(1400, 1448)})"
        parts.append(" ".join(picked) + ".\n\n")
        length += len(parts[-1])
    return "".join(parts)[:characters]
