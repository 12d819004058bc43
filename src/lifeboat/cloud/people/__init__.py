"""Users and roles of IAM, one for each machine, each with the one policy of its role: ``lifeboat aws setup --iam``."""
