# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Real registries for tests, with and without TLS, passwords and tokens: in the network namespaces of
# the test, ended with it. Needs helpers.bash.

registry_setup() {
	local tool
	for tool in docker-registry skopeo htpasswd openssl python3; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
	engine_setup empty
	mkdir -p "$TEST_DIR/home" "$TEST_DIR/docker" "$TEST_DIR/certs.d" "$TEST_DIR/conf.d" "$TEST_DIR/pids"
	export HOME="$TEST_DIR/home" DOCKER_CONFIG="$TEST_DIR/docker" VESSEL_CERTS_DIR="$TEST_DIR/certs.d"
	export VESSEL_REGISTRIES_CONF="$TEST_DIR/registries.conf" VESSEL_DAEMON_JSON="$TEST_DIR/daemon.json"
	export VESSEL_TEST_TIMEOUT_SCALE=5
	unset XDG_RUNTIME_DIR XDG_CONFIG_HOME REGISTRY_AUTH_FILE
}

registry_teardown() {
	local file
	for file in "$TEST_DIR"/pids/*; do
		[ -e "$file" ] && kill "$(cat "$file")" 2>/dev/null
	done
	engine_teardown
}

# serve NAME COMMAND...: in the background, in the host's network (ON=lan: the neighbour's).
serve() {
	local name="$1"
	shift
	"${ON:-host}" "$@" >"$TEST_DIR/$name.log" 2>&1 </dev/null &
	echo $! >"$TEST_DIR/pids/$name"
}

answers() { "${ON:-host}" bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }
stop_serving() { kill "$(cat "$TEST_DIR/pids/$1")" && rm "$TEST_DIR/pids/$1"; }

# registry NAME ADDRESS PORT [LINES of its configuration]
registry() {
	local name="$1" address="$2" port="$3" tls=""
	[ -e "$TEST_DIR/$name.crt" ] && tls="
  tls: {certificate: $TEST_DIR/$name.crt, key: $TEST_DIR/$name.key${CLIENT_CA:+, clientcas: [$CLIENT_CA]}}"
	cat >"$TEST_DIR/$name.yml" <<-END
		version: 0.1
		log: {accesslog: {disabled: false}}
		storage: {filesystem: {rootdirectory: $TEST_DIR/storage-${STORAGE:-$name}}, delete: {enabled: true}}
		http:
		  addr: $address:$port
		  secret: x$tls
		${4:-}
	END
	serve "$name" docker-registry serve "$TEST_DIR/$name.yml"
	wait_until answers "$address" "$port"
}

passwords() {
	htpasswd -Bbn -C 4 joe secret >"$TEST_DIR/htpasswd"
	echo "auth: {htpasswd: {realm: test, path: $TEST_DIR/htpasswd}}"
}

# An authority of the test's own: ca.crt, ca.key.
make_ca() {
	openssl req -x509 -newkey rsa:2048 -nodes -subj "/CN=${1:-test}" -days 30 -keyout "$TEST_DIR/${1:-ca}.key" \
		-out "$TEST_DIR/${1:-ca}.crt" 2>/dev/null
}

# make_cert NAME SUBJECTALTNAME [-not_before T -not_after T]
make_cert() {
	local name="$1" alt="$2"
	shift 2
	openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$TEST_DIR/$name.key" -out "$TEST_DIR/$name.csr" 2>/dev/null
	mkdir -p "$TEST_DIR/ca.db"
	[ -e "$TEST_DIR/ca.db/index" ] || { : >"$TEST_DIR/ca.db/index"; echo 01 >"$TEST_DIR/ca.db/serial"; }
	cat >"$TEST_DIR/ca.cnf" <<-END
		[ca]
		default_ca = test
		[test]
		dir = $TEST_DIR/ca.db
		database = \$dir/index
		serial = \$dir/serial
		new_certs_dir = \$dir
		default_md = sha256
		policy = any
		default_days = 30
		x509_extensions = ext
		unique_subject = no
		[any]
		commonName = supplied
		[ext]
		subjectAltName = $alt
	END
	openssl ca -batch -config "$TEST_DIR/ca.cnf" -cert "$TEST_DIR/ca.crt" -keyfile "$TEST_DIR/ca.key" \
		-in "$TEST_DIR/$name.csr" -out "$TEST_DIR/$name.crt" -notext "$@" 2>/dev/null
}

trust() { mkdir -p "$VESSEL_CERTS_DIR/$1" && cp "$TEST_DIR/ca.crt" "$VESSEL_CERTS_DIR/$1/ca.crt"; }

# An image of some small layers, as an OCI layout.
make_layout() {
	local dir="$TEST_DIR/layout"
	[ -e "$dir" ] && return
	mkdir -p "$dir/blobs/sha256"
	python3 - "$dir" <<-'END'
		import gzip, hashlib, io, json, platform, random, sys, tarfile
		folder = sys.argv[1]
		def blob(data, kind, **more):
		    digest = hashlib.sha256(data).hexdigest()
		    open(f"{folder}/blobs/sha256/{digest}", "wb").write(data)
		    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data), **more}
		def layer(i):
		    out, data = io.BytesIO(), random.Random(i).randbytes(300000)
		    with tarfile.open(fileobj=out, mode="w") as tar:
		        info = tarfile.TarInfo(f"file{i}")
		        info.size = len(data)
		        tar.addfile(info, io.BytesIO(data))
		    return out.getvalue()
		machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
		tars = [layer(i) for i in range(5)]
		layers = [blob(gzip.compress(tar, mtime=0), "layer.v1.tar+gzip") for tar in tars]
		config = blob(json.dumps({"architecture": machine, "os": "linux", "config": {}, "rootfs": {"type": "layers",
		    "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]}}).encode(), "config.v1+json")
		manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		    "config": config, "layers": layers}).encode(), "manifest.v1+json",
		    annotations={"org.opencontainers.image.ref.name": "latest"})
		json.dump({"schemaVersion": 2, "manifests": [manifest]}, open(folder + "/index.json", "w"))
		json.dump({"imageLayoutVersion": "1.0.0"}, open(folder + "/oci-layout", "w"))
	END
}

# fill ADDRESS:PORT/NAME [skopeo's options]
fill() {
	local name="$1"
	shift
	make_layout
	"${ON:-host}" skopeo copy -q --dest-tls-verify=false "$@" "oci:$TEST_DIR/layout:latest" "docker://$name"
}

# token_service ADDRESS PORT [LIFE]; prints the registry's configuration for it.
token_service() {
	local dir="$TEST_DIR/tokens" scheme=http
	mkdir -p "$dir"
	: >"$dir/log"
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=tokens -days 30 -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
	[ -e "$dir/tls.pem" ] && scheme=https
	serve tokens python3 "$HERE/token-server.py" "$dir" "$@"
	wait_until answers "$1" "$2"
	echo "auth: {token: {realm: $scheme://$1:$2/token, service: test-service, issuer: test, rootcertbundle: $dir/cert.pem}}"
}
