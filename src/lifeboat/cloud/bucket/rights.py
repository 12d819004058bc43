"""The rights that ``aws setup`` and ``aws check`` need; ``lifeboat aws policy admin`` prints them."""

LOOK = (
    "s3:ListBucket",
    "s3:GetBucketLocation",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:GetBucketObjectLockConfiguration",
    "s3:GetEncryptionConfiguration",
    "s3:GetBucketPolicy",
    "s3:GetBucketLogging",
    "s3:GetBucketTagging",
    "s3:GetLifecycleConfiguration",
)
"""In the bucket and in the one of its log; with these alone ``aws check`` judges."""
LOOK_FOR_UNUSUAL = (
    "s3:GetBucketWebsite",
    "s3:GetBucketCORS",
    "s3:GetReplicationConfiguration",
    "s3:GetAccelerateConfiguration",
    "s3:GetBucketRequestPayment",
)
CHANGE = (
    "s3:CreateBucket",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutEncryptionConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketLogging",
    "s3:PutBucketTagging",
    "s3:PutLifecycleConfiguration",
)
IN_BUCKETS = (*LOOK, *LOOK_FOR_UNUSUAL, *CHANGE)
IN_ACCOUNT = ("s3:ListAllMyBuckets", "s3:GetAccountPublicAccessBlock", "iam:GetAccountSummary")
"""Without them the advice on the account is told as unknown, and a bucket that cannot be looked at may be ours or somebody else's."""
