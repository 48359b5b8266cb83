# Everything here needs Go and make alone, except what says "real brokers": they need a JDK, Maven and Python, and
# RabbitMQ where only root may install it. internal/withbrokers installs, starts and stops them.

.DEFAULT_GOAL := help
.PHONY: bin/withbrokers brokers crash-campaign worker-campaign deploy-test shadow-bench shadow-soak help build demo check format test bench fuzz campaign shop-bugs drill matrix tools clean

PKG      ?= ./...
FUZZTIME ?= 30s
SHARDS   ?= 1
SIDE     ?= 10
CHAINS   ?= 1000000
MESSAGES ?= 5000000
ROUNDS   ?= 1
SOAK     ?= 60m
AWAY     ?= 150s
SEED     ?= 1
# The race detector needs a C compiler.
RACE     ?= $(if $(shell command -v $$(go env CC)),-race)

TOOLS   := bin/golangci-lint bin/gofumpt
BROKERS := bin/withbrokers

# One way to build all but the tests, so that each finds what the one before has built.
check demo build format tools $(TOOLS) $(BROKERS): export CGO_ENABLED = 0
check demo build format tools $(TOOLS) $(BROKERS): export GOFLAGS := $(GOFLAGS) -trimpath

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## build bin/flowcheck, stripped
	go build -ldflags='-s -w' -o bin/flowcheck ./cmd/flowcheck

demo: build ## build, then a passing and a failing run of the sample shop on embedded brokers
	bin/flowcheck demo

check: $(TOOLS) ## format and lint, vet included, changing nothing; PKG=./flows/... for some
	@files=$$(bin/gofumpt -l $(PKG:/...=)); test -z "$$files" || { echo "not formatted, run make format:"; echo "$$files"; exit 1; }
	bin/golangci-lint run $(PKG)

format: $(TOOLS) ## format the files
	bin/gofumpt -w $(PKG:/...=)

test: $(BROKERS) ## every test against the real brokers; PKG=./brokers/kafka/... for some
	$(BROKERS) -- go test $(RACE) $(TESTFLAGS) -count=1 -p 4 -timeout 20m $(PKG)

bench: $(BROKERS) ## benchmarks, against the real brokers, and how fast recordings are judged
	$(BROKERS) -- go test -run='^$$' -bench=. -benchmem -p 1 -timeout 30m $(PKG)
	go run ./internal/enginebench
	go run ./internal/enginebench -more

fuzz: ## fuzz each target for FUZZTIME (30s)
	@grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed -E 's|/[^/]*:func | |' | sort | \
	while read -r dir name; do \
		echo "$$dir $$name"; \
		go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) "$$dir" || exit 1; \
	done

campaign: ## the property tests on CHAINS (1000000) generated chains, drawn from SEED
	go test ./flows -count=1 -parallel 3 -timeout 3h -v -run '^TestCampaign$$' -campaign.chains=$(CHAINS) -campaign.seed=$(SEED)

crash-campaign: build $(BROKERS) ## a shadow killed 200 times under load, its connections cut, finds what one finds that is left alone
	$(BROKERS) -only kafka,rabbitmq,ministack -- go run ./internal/crashcampaign -flowcheck bin/flowcheck

worker-campaign: build $(BROKERS) ## 1, 2 and 4 processes of a shadow, of which one is killed, one leaves and one joins, find what one finds
	$(BROKERS) -only kafka -- go run ./internal/workercampaign -flowcheck bin/flowcheck
	$(BROKERS) -only kafka,rabbitmq,ministack -- go run ./internal/workercampaign -flowcheck bin/flowcheck -all

shadow-bench: $(BROKERS) ## a shadow on a real Kafka catches up from a backlog of MESSAGES (5000000) while new ones come, against a plain consumer
	$(BROKERS) -only kafka -- go run ./internal/shadowbench -messages $(MESSAGES) -rounds $(ROUNDS)

shadow-soak: $(BROKERS) ## the memory of a shadow that watches for SOAK (60m)
	$(BROKERS) -only kafka -- go run ./internal/shadowbench -soak $(SOAK) -rate 150 -remember 10m

shadow-away: ## a shadow on a Kafka and a RabbitMQ that are stopped for AWAY (150s), and started again, and on an SNS that it cannot reach
	go test ./internal/shadowbench -run 'ThatIsAway' -away $(AWAY) -count=1 -parallel 3 -timeout 3h -v

deploy-test: ## render the Helm chart, and parse the alert rules and the dashboard, in a module of their own
	cd deploy/testdata/helmtest && go test -count=1 ./...

shop-bugs: build $(BROKERS) ## the shop on the real brokers, each of its bugs switched on in turn
	$(BROKERS) -only kafka,rabbitmq,ministack -- go run ./examples/shop/bugs -flowcheck bin/flowcheck

drill: build $(BROKERS) ## what the correct shop did, replayed onto the shop with each of its bugs, on the real brokers
	$(BROKERS) -only kafka,rabbitmq,ministack -- go run ./examples/shop/drill -flowcheck bin/flowcheck

matrix: build $(BROKERS) ## each bug of the shop, each flow and probe, on the real brokers; SIDE=10 side by side, MATRIX=-load for more
	go build -o bin/ ./examples/shop/matrix
	@pids=; for i in $$(seq $(SHARDS)); do \
		bin/withbrokers -only kafka,rabbitmq,ministack -systems $(SIDE) -- bin/matrix run -shard $$i/$(SHARDS) -results bin/matrix-$$i.jsonl $(MATRIX) & \
		pids="$$pids $$!"; \
	done; code=0; for p in $$pids; do wait $$p || code=1; done; bin/matrix table bin/matrix-*.jsonl && exit $$code

brokers: $(BROKERS) ## install what the tests need beside Go, and start nothing
	$(BROKERS) -install

$(BROKERS):
	@go build -o $@ ./internal/withbrokers

tools: $(TOOLS) ## build the linters into bin/

# One build makes both.
bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && go build -o ../bin/ tool
bin/gofumpt: bin/golangci-lint

clean: ## remove what was built; the installed brokers stay in the user's cache
	rm -rf bin
