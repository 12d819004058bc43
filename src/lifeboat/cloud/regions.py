"""In which countries AWS's regions lie, and what that means for personal data of people in Saudi Arabia."""

REGIONS = {
    "me-south-1": "Bahrain",
    "me-central-1": "the United Arab Emirates",
    "us-east-1": "the United States",
    "us-east-2": "the United States",
    "us-west-1": "the United States",
    "us-west-2": "the United States",
    "eu-central-1": "Germany",
    "eu-west-1": "Ireland",
    "eu-west-2": "the United Kingdom",
    "eu-west-3": "France",
    "eu-north-1": "Sweden",
    "ap-south-1": "India",
}
"""Countries of regions that are often chosen. ``me-south-1`` and ``me-central-1`` are near Saudi Arabia, not in it."""
SAUDI_REGION = "me-west-1"
"""As AWS's own list of partitions names it (botocore 1.44)."""
NOT_LEGAL_ADVICE = (
    "personal data of people in Saudi Arabia that lies outside it has been transferred abroad, which PDPL article 29 allows on "
    "conditions only; encrypted copies count too. Who decides that for you? (This is no legal advice)"
)


def where_it_lies(region: str) -> str:
    """In words, with what follows from it: ``"the copies lie in us-east-1 (the United States), outside ..."``."""
    if region == SAUDI_REGION:
        return f"the copies lie in {region}, which AWS lists as Saudi Arabia"
    country = REGIONS.get(region)
    named = f"{region} ({country}), outside Saudi Arabia" if country else f"{region}. Is that in Saudi Arabia?"
    return f"the copies lie in {named}; {NOT_LEGAL_ADVICE}"
