module lifeboat-tests-mongo-tools
go 1.21
require github.com/mongodb/mongo-tools v0.0.0-20240723193119-837c2bc263f4
