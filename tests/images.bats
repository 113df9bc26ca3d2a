#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The commands around images and a container's file system: commit, diff, export, history, images, inspect, tag, import.
# What is said of files is compared with GNU tar and bsdtar, and where dockerd is installed, with what it says of the same.
# shellcheck disable=SC2016 # it is the container's shell that expands
load helpers

setup() { engine_setup; }
teardown() {
	[ -z "${DOCKERD_PID:-}" ] || docker_stop
	[ -z "${REGISTRY_PID:-}" ] || registry_stop
	engine_teardown
}

registry_stop() {
	kill "$REGISTRY_PID"
	wait "$REGISTRY_PID" 2>/dev/null || true
}
blob() { echo "$VESSEL_ROOT/blobs/sha256/${1#sha256:}"; }
of_image() { "$VESSEL" image inspect -f "{{$2}}" "$1"; }
top_layer() { "$VESSEL" image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | sed '/^$/d' | tail -n 1; }
layer_count() { of_image "$1" 'len .RootFS.Layers'; }
# Running, and not started by the test as the foreground: container NAME ARGS-of-run...
container() {
	local name="$1"
	shift
	engine run -d --network none --name "$name" "$@"
}
inside() { "$VESSEL" exec "$1" sh -c "$2"; }
# Names in a tar without their last slash, sorted; what mounts leave in every container is left out.
names_in() { tar -tf "$1" | sed 's,/$,,' | sort; }

# ---- commit ----

@test "commit: an image of the container's files, with its settings and a history" {
	container one -e COLOUR=red -l kind=test -w /tmp -p 8080 -v /anonymous "$IMAGE" sleep 1000
	inside one 'mkdir /dir && echo content >/dir/file && rm /etc/group && ln /dir/file /dir/hard && mkfifo /dir/fifo'
	engine commit -a "A. U. Thor <a@example.com>" -m "the message" one image:one
	assert_match '^sha256:[0-9a-f]{64}$'
	[ "$output" = "$(of_image image:one .Id)" ]
	engine image inspect -f '{{.Author}}|{{.Comment}}|{{.Config.Env}}|{{.Config.Labels}}|{{.Config.WorkingDir}}|{{.Config.Cmd}}' image:one
	assert_output 'A. U. Thor <a@example.com>|the message|[COLOUR=red]|map[kind:test]|/tmp|[sleep 1000]'
	engine image inspect -f '{{json .Config.ExposedPorts}} {{json .Config.Volumes}}' image:one
	assert_output '{"8080/tcp":{}} {"/anonymous":{}}'
	# The layer has what changed and nothing that was only mounted.
	run names_in "$(blob "$(top_layer image:one)")"
	assert_output $'anonymous\ndir\ndir/fifo\ndir/file\ndir/hard\netc\netc/.wh.group'
	engine run --rm --network none image:one sh -c 'cat /dir/file; ls /etc; stat -c %h /dir/file; echo $COLOUR; pwd'
	assert_line content
	assert_line passwd
	refute_line group
	assert_line 2
	assert_line red
	assert_line /tmp
	engine history --format '{{.CreatedBy}}|{{.Comment}}' image:one
	assert_line 'sleep 1000|the message'
	# It goes on, and what it writes now is in the next image only.
	inside one 'echo more >/dir/more'
	"$VESSEL" stop -t 0 one >/dev/null
	engine commit one image:two
	[ "$(layer_count image:two)" = 2 ]
	engine run --rm --network none image:two ls /dir
	assert_line more
	engine run --rm --network none image:one ls /dir
	refute_line more
}

@test "commit: without a name it is dangling; without changes it has no layer of its own" {
	container one "$IMAGE" sleep 1000
	engine commit one
	local id="$output"
	[ "$(layer_count "$id")" = "$(layer_count "$IMAGE")" ]
	engine images -f dangling=true -q --no-trunc
	assert_output "$id"
	engine history --format '{{.Size}}' "$id"
	[ "${lines[0]}" = 0B ]
	engine run --rm --network none "$id" echo works
	assert_output works
	engine commit one "$IMAGE:latest" # moves the name
	[ "$output" = "$(of_image "$IMAGE" .Id)" ]
}

@test "commit --change: every instruction that changes a configuration, and no other" {
	container one -e A=1 "$IMAGE" sleep 1000
	engine container commit -c 'CMD ["echo", "hello"]' -c 'ENV B=2 C="$A"' -c 'EXPOSE 53/udp' -c 'LABEL l=m' -c 'ONBUILD RUN x' \
		-c 'STOPSIGNAL SIGINT' -c 'USER user' -c 'VOLUME /v' -c 'WORKDIR /w' -c 'ENV PATH=$PATH:/x' \
		-c 'HEALTHCHECK --interval=5s CMD true' one changed
	engine image inspect -f '{{.Config.Cmd}} {{.Config.Env}} {{json .Config.ExposedPorts}} {{.Config.Labels.l}} {{.Config.OnBuild}} {{.Config.StopSignal}} {{.Config.User}} {{json .Config.Volumes}} {{.Config.WorkingDir}} {{.Config.Healthcheck.Test}}' changed
	assert_output '[echo hello] [PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/x A=1 B=2 C=1] {"53/udp":{}} m [RUN x] SIGINT user {"/v":{}} /w [CMD-SHELL true]'
	engine commit --change 'ENTRYPOINT ["echo"]' one entry
	engine image inspect -f '{{.Config.Entrypoint}} {{len .Config.Cmd}}' entry
	assert_output "[echo] 0" # the CMD was for another program
	engine_fails 1 commit -c 'RUN true' one
	assert_short_stderr
	engine_fails 1 commit -c 'NONSENSE x' one
	assert_short_stderr
}

@test "commit: bad input is one sentence, exit 1, and no image" {
	container one "$IMAGE" sleep 1000
	engine_fails 1 commit nobody
	assert_stderr_contains "No such container: nobody"
	engine_fails 1 commit one BAD
	assert_stderr_contains "must be lowercase"
	engine_fails 1 commit one "x@sha256:$(printf '0%.0s' {1..64})"
	assert_stderr_contains "refusing to create a tag with a digest reference"
	engine_fails 1 commit
	engine_fails 1 commit one a b
	engine_fails 125 commit --pause=maybe one
	engine images -q
	[ "${#lines[@]}" = 1 ]
}

many_files() { inside "$1" 'mkdir -p /many; i=0; while [ $i -lt 3000 ]; do echo $i >/many/$i; i=$((i+1)); done; dd if=/dev/urandom of=/many/big bs=1M count=60 2>/dev/null'; }
# Both are states of the one container: frozen by the commit, and not.
ticks_on() { [ "$(inside one 'wc -c </ticks')" -gt "$1" ]; }
is_paused() { [ "$(field "$1" .State.Status)" = paused ]; }

@test "commit pauses the container while it reads, and lets it go on; without --pause it does not" {
	container one "$IMAGE" sh -c 'while :; do echo >>/ticks; done'
	many_files one
	host "$VESSEL" commit one image >/dev/null 2>&1 </dev/null &
	local pid=$!
	wait_until is_paused one
	wait "$pid"
	state_is one running
	local ticks
	ticks="$(inside one 'wc -c </ticks')"
	wait_until ticks_on "$ticks"
	host "$VESSEL" commit --no-pause one second >/dev/null 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		run is_paused one
		[ "$status" -ne 0 ]
	done
	wait "$pid"
	# Who paused it wants it so.
	engine pause one
	engine commit one third
	state_is one paused
	engine unpause one
}

@test "commit: killed while the container is paused, the container goes on" {
	container one "$IMAGE" sleep 1000
	many_files one
	local signal pid
	for signal in KILL TERM HUP KILL; do
		$NET_ENTER env VESSEL_ROOT="$VESSEL_ROOT" VESSEL_RUN="$VESSEL_RUN" "$PROGRAM" commit one image >/dev/null 2>&1 </dev/null 3>&- &
		pid=$!
		wait_until is_paused one
		kill -"$signal" "$pid"
		wait "$pid" 2>/dev/null || true
		wait_until state_is one running
	done
	engine images -q image
	assert_output ""
	engine commit one image
	engine run --rm --network none image sh -c 'ls /many | wc -l'
	assert_output 3001
}

@test "commit on a full disk is an error, the container goes on, and there is no image" {
	mkdir "$TEST_DIR/small"
	mount -t tmpfs -o size=40m vessel-test "$TEST_DIR/small"
	local small=("$VESSEL" --root "$TEST_DIR/small/root" --run-dir "$TEST_DIR/small/run")
	"${small[@]}" import "$(box_tar)" box >/dev/null
	"${small[@]}" run -d --network none --name one box sleep 1000 >/dev/null
	"${small[@]}" exec one dd if=/dev/urandom of=/big bs=1M count=20 2>/dev/null
	run --separate-stderr "${small[@]}" commit one image
	[ "$status" -eq 1 ]
	assert_stderr_contains "No space left on device"
	assert_short_stderr
	run "${small[@]}" inspect -f '{{.State.Status}}' one
	assert_output running
	run "${small[@]}" images -q
	[ "${#lines[@]}" = 1 ]
	"${small[@]}" exec one rm /big
	run "${small[@]}" commit one image
	[ "$status" -eq 0 ]
	"${small[@]}" rm -f one >/dev/null
	"${small[@]}" system reset --force >/dev/null
	umount "$TEST_DIR/small"
}

# ---- diff ----

changed_tree() {
	mkdir -p "$1/gone" "$1/opaque/sub" "$1/kept" "$1/same"
	touch "$1/gone/a" "$1/gone/b" "$1/opaque/old" "$1/opaque/stays" "$1/opaque/sub/x" "$1/opaque/sub/y" "$1/kept/file"
	echo same >"$1/same/file"
}
CHANGES='rm -r /gone && rm /kept/file && rm -r /opaque && mkdir -p /opaque/sub && echo >/opaque/stays && echo >/opaque/new &&
	echo >/opaque/sub/x && echo same >/same/file && mkdir /added && echo >/added/f && chmod 700 /root && ln -s x /link'
CHANGED='A /added
A /added/f
D /gone
C /kept
D /kept/file
A /link
C /opaque
A /opaque/new
D /opaque/old
C /opaque/stays
C /opaque/sub
C /opaque/sub/x
D /opaque/sub/y
C /root
C /same
C /same/file'

@test "diff: added, changed and deleted; whiteouts, opaque directories, the same content again" {
	box_image_with tree changed_tree
	container one tree sleep 1000
	engine diff one
	assert_output "" # mount points are nobody's change
	inside one "$CHANGES"
	engine diff one
	assert_output "$CHANGED"
	"$VESSEL" stop -t 0 one >/dev/null
	engine container diff one
	assert_output "$CHANGED"
	# As a layer it says the same.
	engine commit one changed
	engine run --rm --network none changed sh -c 'ls -A / /opaque /opaque/sub /kept'
	for name in old y gone file; do refute_line "$name"; done
	for name in stays new x link added; do assert_line "$name"; done
	engine_fails 1 diff nobody
	assert_stderr_contains "No such container: nobody"
	engine_fails 1 diff ""
	assert_stderr_contains "Container name cannot be empty"
}

# ---- export ----

@test "export: what GNU tar and bsdtar make of it is what the container has" {
	container one -v /volume "$IMAGE" sleep 1000
	inside one 'mkdir /d && cd /d && echo content >file && ln file hard && ln -s file soft && mkfifo fifo && mknod null c 1 3 &&
		chown 1000:2000 file && chmod 4755 file && truncate -s 3000000 sparse && echo end >>sparse && chmod 1770 . &&
		mkdir -p "$(printf "long%.0s" $(seq 50))/$(printf "name%.0s" $(seq 50))" && echo >/volume/hidden'
	local pid attributes
	pid="$(pid_of one)"
	attributes=no
	python3 -c "import os, sys; os.setxattr(sys.argv[1], 'user.note', b'text')" "/proc/$pid/root/d/file" 2>/dev/null && attributes=yes
	timeout 20 "$VESSEL" export one >"$TEST_DIR/running.tar"
	"$VESSEL" stop -t 0 one >/dev/null
	engine export -o "$TEST_DIR/stopped.tar" one
	cmp "$TEST_DIR/running.tar" "$TEST_DIR/stopped.tar"
	mkdir "$TEST_DIR/gnu" "$TEST_DIR/bsd"
	tar -C "$TEST_DIR/gnu" --xattrs --xattrs-include='*' -xpf "$TEST_DIR/stopped.tar"
	! command -v bsdtar >/dev/null || bsdtar -C "$TEST_DIR/bsd" -xpf "$TEST_DIR/stopped.tar"
	for tree in gnu bsd; do
		[ "$tree" = gnu ] || command -v bsdtar >/dev/null || continue
		run stat -c '%a %u:%g %s %h' "$TEST_DIR/$tree/d/file"
		assert_output "4755 1000:2000 8 2"
		run stat -c '%a %F' "$TEST_DIR/$tree/d"
		assert_output "1770 directory"
		run stat -c '%F %s' "$TEST_DIR/$tree/d/sparse" "$TEST_DIR/$tree/d/fifo"
		assert_output $'regular file 3000004\nfifo 0'
		run stat -c '%F %t:%T' "$TEST_DIR/$tree/d/null"
		assert_output "character special file 1:3"
		[ "$(readlink "$TEST_DIR/$tree/d/soft")" = file ]
		[ "$(tail -c 4 "$TEST_DIR/$tree/d/sparse")" = end ]
		[ "$attributes" = no ] || [ "$(python3 -c "import os, sys; print(os.getxattr(sys.argv[1], 'user.note').decode())" "$TEST_DIR/$tree/d/file")" = text ]
		# What is mounted on it is not in it.
		[ -d "$TEST_DIR/$tree/volume" ]
		run find "$TEST_DIR/$tree/volume" "$TEST_DIR/$tree/proc" -mindepth 1
		assert_output ""
	done
	# An image of it is the same root.
	engine import "$TEST_DIR/stopped.tar" again
	engine run --rm --network none again cat /d/hard
	assert_output content
}

@test "export -o: by a temporary file and a rename; never to a terminal" {
	container one "$IMAGE" sleep 1000
	echo old >"$TEST_DIR/out.tar"
	engine_fails 1 export -o "$TEST_DIR/out.tar" nobody
	assert_stderr_contains "No such container: nobody"
	[ "$(cat "$TEST_DIR/out.tar")" = old ]
	engine export -o "$TEST_DIR/out.tar" one
	assert_output ""
	tar -tf "$TEST_DIR/out.tar" bin/busybox
	[ "$(stat -c %a "$TEST_DIR/out.tar")" = 600 ]
	[ "$(find "$TEST_DIR" -maxdepth 1 -name '.out*' | wc -l)" = 0 ]
	engine_fails 1 export -o "$TEST_DIR/none/out.tar" one
	assert_stderr_contains "invalid output path: directory '$TEST_DIR/none'"
	engine_fails 1 export -o /dev/null one
	assert_stderr_contains "not a regular file"
	engine_fails 1 export -o "$TEST_DIR" one
	assert_stderr_contains "is a directory"
	command -v script >/dev/null || skip "needs script(1) for a terminal"
	run script -qec "$VESSEL export one" /dev/null </dev/null
	[ "$status" -eq 1 ]
	assert_contains "cowardly refusing to save to a terminal"
}

@test "export and commit of a container that writes all the time" {
	container one "$IMAGE" sh -c 'mkdir /w; while :; do for i in 1 2 3 4 5 6 7 8; do
		dd if=/dev/zero of=/w/$i bs=64k count=$i 2>/dev/null; rm -rf /w/d$i; mkdir -p /w/d$i/e; mv /w/$i /w/d$i/e/f; ln -f /w/d$i/e/f /w/h$i; : >/w/d$i/e/f
		done; done'
	wait_until inside one '[ -e /w/h8 ]'
	for _ in 1 2 3 4 5 6; do
		timeout 20 "$VESSEL" export one >"$TEST_DIR/live.tar"
		mkdir "$TEST_DIR/live"
		tar -C "$TEST_DIR/live" -xf "$TEST_DIR/live.tar" # no link to what is not there, nothing cut
		rm -r "$TEST_DIR/live"
		timeout 20 "$VESSEL" commit --pause=false one live >/dev/null
		timeout 20 "$VESSEL" commit one live >/dev/null
	done
	state_is one running
}

# C1.11
@test "FIFOs, sockets and devices where files are expected: commit, diff and export open none" {
	container one "$IMAGE" sleep 1000
	inside one 'mkdir -p /app; rm /etc/passwd; mkfifo /etc/passwd /app/data /Dockerfile; mknod /app/null c 1 3; mknod /app/tty c 5 0'
	inside one 'nc -l -s local:/app/socket -p 1 >/dev/null 2>&1 & :' || true
	for state in running stopped; do
		timeout 2 "$VESSEL" diff one >"$TEST_DIR/diff"
		grep -qx 'C /etc/passwd' "$TEST_DIR/diff"
		timeout 2 "$VESSEL" export one >"$TEST_DIR/export.tar"
		tar -tvf "$TEST_DIR/export.tar" etc/passwd | grep -q ^p
		timeout 2 "$VESSEL" commit one "fifos:$state" >/dev/null
		tar -tvf "$(blob "$(top_layer "fifos:$state")")" app/data | grep -q ^p
		"$VESSEL" stop -t 0 one >/dev/null
	done
}

# F7
@test "a file that becomes a link while it is read leads nowhere" {
	echo "the token of the host" >"$TEST_DIR/secret"
	container one "$IMAGE" sh -c "mkdir /d; ln -s $TEST_DIR/secret /d/evil; ln -s $TEST_DIR /evil; mkdir /real; echo harmless >/real/secret
		while :; do echo harmless >/d/f; mv -f /d/f /d/x; cp -P /d/evil /d/e; mv -f /d/e /d/x
		mv /real /swap; ln -s $TEST_DIR /real; rm /real; mv /swap /real; done"
	wait_until inside one '[ -e /real/secret ]'
	for _ in 1 2 3 4 5 6 7 8; do
		timeout 10 "$VESSEL" export one >"$TEST_DIR/race.tar"
		run grep -ac "the token of the host" "$TEST_DIR/race.tar"
		assert_output 0
		timeout 10 "$VESSEL" commit --no-pause one race >/dev/null
		run grep -ac "the token of the host" "$(blob "$(top_layer race)")"
		assert_output 0
	done
}

# ---- history, images, inspect ----

@test "history: columns, sizes of the layers, formats" {
	mkdir "$TEST_DIR/context"
	head -c 100000 /dev/zero >"$TEST_DIR/context/file"
	printf 'FROM %s\nENV A=b\nCOPY file /file\nCMD ["x"]\nLABEL long="%s"\n' "$IMAGE" "$(printf 'word %.0s' {1..30})" >"$TEST_DIR/context/Dockerfile"
	engine build -q -t built "$TEST_DIR/context"
	engine history built
	[ "$(head -1 <<<"$output" | tr -s ' ')" = "IMAGE CREATED CREATED BY SIZE COMMENT" ]
	[[ "${lines[1]}" == "$(of_image built .Id | cut -c8-19) "* ]]
	[[ "${lines[1]}" == *…* ]]
	[ "$(grep -c '^<missing> ' <<<"$output")" = 4 ]
	[ "$(grep -c ' 0B ' <<<"$output")" = 3 ]
	grep -Eq '^<missing> .*COPY.* 100kB ' <<<"$output"
	engine history --no-trunc --format '{{.ID}} {{.CreatedBy}}' built
	[[ "${lines[0]}" == sha256:*"word word word word word word word word word word word word"* ]]
	engine history -q built
	[ "${lines[0]}" = "$(of_image built .Id | cut -c8-19)" ] && [ "${lines[1]}" = "<missing>" ]
	engine history -H=false --format '{{.Size}}|{{.CreatedAt}}|{{.CreatedSince}}' built
	[[ "${lines[2]}" =~ ^100000\|20[0-9T:-]+(Z|[+-][0-9:]+)\|20 ]]
	engine image history --format json built
	run jq -r '.Size + " " + .ID' <<<"${lines[2]}"
	assert_output "100kB <missing>"
	engine history --platform linux/amd64 built || engine history --platform linux/arm64 built
	engine_fails 1 history --platform linux/none built
	assert_stderr_contains "does not provide the specified platform (linux/none)"
	engine_fails 1 history nobody
	assert_stderr_contains "No such image: nobody"
	engine_fails 1 history built "$IMAGE"
}

@test "images: names, filters and formats" {
	engine tag "$IMAGE" other/repo:1
	engine tag "$IMAGE" other/repo:2
	local old
	old="$(of_image "$IMAGE" .Id | cut -c8-19)"
	container one "$IMAGE" sleep 1000
	engine commit -c 'LABEL kind=new' one new
	engine commit one
	local dangling="${output:7:12}"
	engine images
	[ "$(head -1 <<<"$output" | tr -s ' ')" = "REPOSITORY TAG IMAGE ID CREATED SIZE" ]
	[[ "${lines[1]}" == "<none> "*" $dangling "* ]] # the newest
	engine images --format '{{.Repository}}:{{.Tag}}'
	assert_output "<none>:<none>
new:latest
$IMAGE:latest
other/repo:1
other/repo:2"
	engine images -q # each name has a line, as docker has it
	[ "$(grep -cx "$old" <<<"$output")" = 3 ]
	local filter wanted
	while read -r filter wanted; do
		engine images --format '{{.Repository}}:{{.Tag}}' -f "$filter"
		[ "$(tr '\n' ' ' <<<"$output")" = "$wanted " ] || { echo "$filter: $output, wanted $wanted"; return 1; }
	done <<-LIST
		dangling=true <none>:<none>
		dangling=1 <none>:<none>
		dangling=false new:latest $IMAGE:latest other/repo:1 other/repo:2
		label=kind new:latest
		label=kind=new new:latest
		reference=new new:latest
		reference=*/*:2 other/repo:2
		reference=other/repo other/repo:1 other/repo:2
		before=new $IMAGE:latest other/repo:1 other/repo:2
		since=$IMAGE <none>:<none> new:latest
	LIST
	engine images -q -f until=1h
	assert_output ""
	engine images -q -f label=kind=old
	assert_output ""
	engine images --format '{{.Tag}}' other/repo
	assert_output $'1\n2'
	engine images --format '{{.Tag}}' other/repo:2
	assert_output 2
	engine images -q nothing
	assert_output ""
	engine images --no-trunc --format '{{.ID}}' new
	[ "$output" = "$(of_image new .Id)" ]
	engine images --format json new
	[ "$(jq -r '[.Repository, .Tag, .Digest, .Containers, .SharedSize, .UniqueSize] | join(" ")' <<<"$output")" = "new latest <none> N/A N/A N/A" ]
	engine images --digests
	[ "$(head -1 <<<"$output" | tr -s ' ')" = "REPOSITORY TAG DIGEST IMAGE ID CREATED SIZE" ]
	engine images --digests --format 'table {{.Tag}}' new
	[ "$(tr -s ' ' <<<"$output")" = $'TAG DIGEST\nlatest <none>' ]
	for filter in dangling=maybe bogus=1 dangling 'reference=a[' until=whenever since=nobody before=nobody; do
		engine_fails 1 images -f "$filter"
		assert_short_stderr
	done
	engine_fails 1 images a b
}

@test "images --tree: layers below their images, and who shares them" {
	printf 'FROM %s\nCOPY Dockerfile /a\nCOPY Dockerfile /b\n' "$IMAGE" >"$TEST_DIR/Dockerfile"
	mkdir "$TEST_DIR/context" && cp "$TEST_DIR/Dockerfile" "$TEST_DIR/context"
	engine build -q -t top "$TEST_DIR/context"
	engine tag top top:second
	container one "$IMAGE" sleep 1000
	engine image ls --tree
	[ "$(head -1 <<<"$output" | tr -s ' ')" = "IMAGE ID DISK USAGE CONTENT SIZE SHARED USED" ]
	[ "${lines[1]}" = top:latest ]
	[[ "${lines[2]}" == "top:second "*" $(of_image top .Id | cut -c8-19) "* ]]
	[[ "${lines[3]}" == "├─ "*"2 images"* ]]
	[[ "${lines[4]}" == "├─ COPY "* && "${lines[4]}" != *images* ]]
	[[ "${lines[5]}" == "└─ COPY "*" $(top_layer top | cut -c8-19) "* ]]
	grep -Eq "^$IMAGE:latest .*✔" <<<"$output"
	grep -Eq "^└─ Imported from - .* 2 images" <<<"$output"
	engine images --tree --no-trunc top
	assert_contains "$(top_layer top)"
	refute_contains "$IMAGE:latest"
	for flag in -q --digests --format=json; do
		engine_fails 1 images --tree "$flag"
		assert_stderr_contains "not supported with --tree"
	done
}

@test "image inspect: members, formats, several names, errors" {
	engine tag "$IMAGE" second:1
	engine image inspect "$IMAGE"
	run jq -r '.[0] | keys_unsorted | join(" ")' <<<"$output"
	assert_output "Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Config Architecture Os Size GraphDriver RootFS Metadata Descriptor"
	engine image inspect -f '{{.RepoTags}} {{.RepoDigests}} {{.Os}} {{.GraphDriver.Name}} {{.RootFS.Type}}' "$IMAGE"
	assert_output "[$IMAGE:latest second:1] [] linux overlay2 layers"
	local digest
	digest="$(of_image "$IMAGE" .Descriptor.digest)"
	[ "$(stat -c %s "$(blob "$digest")")" = "$(of_image "$IMAGE" .Descriptor.size)" ]
	engine_fails 1 image inspect -f '{{.Id}}' "$IMAGE" nobody second:1
	[ "${#lines[@]}" = 2 ]
	assert_stderr_contains "No such image: nobody"
	engine inspect --type image -f '{{.Id}}' "$IMAGE"
	assert_output "$(of_image "$IMAGE" .Id)"
	engine image inspect --platform linux -f x "$IMAGE"
	engine_fails 1 image inspect --platform linux/none "$IMAGE"
	assert_stderr_contains "does not provide the specified platform (linux/none)"
	engine_fails 1 image inspect -f '{{.Nonsense}}' "$IMAGE"
	engine_fails 1 image inspect -f '{{' "$IMAGE"
	assert_short_stderr
}

@test "tag: by name, by id, to another image, and what is no name" {
	local id
	id="$(of_image "$IMAGE" .Id)"
	engine tag "${id:7:12}" localhost:5000/a/b:c
	engine tag localhost:5000/a/b:c d
	[ "$(of_image d .Id)" = "$id" ]
	for bad in "" BAD x:y:z "x:$(printf 'a%.0s' {1..129})" "a//b"; do
		engine_fails 1 tag "$IMAGE" "$bad"
		assert_stderr_contains "is not a valid repository/tag: invalid reference format"
	done
	engine_fails 1 tag "$IMAGE" "x@sha256:$(printf '0%.0s' {1..64})"
	assert_stderr_contains "refusing to create a tag with a digest reference"
	engine_fails 1 tag nobody x
	assert_stderr_contains "No such image: nobody"
	engine_fails 1 tag "$IMAGE"
}

@test "import: a file, standard input, a URL; message, changes, platform" {
	local tar id
	tar="$(box_tar)"
	engine import -m "from a test" -c 'CMD ["true"]' -c 'ENV A=b' "$tar" one:1
	assert_match '^sha256:[0-9a-f]{64}$'
	id="$output"
	engine image inspect -f '{{.Id}} {{.Comment}} {{.Config.Cmd}} {{.Config.Env}}' one:1
	assert_output "$id from a test [true] [A=b]"
	run --separate-stderr bash -c "gzip -c '$tar' | '$VESSEL' import - two"
	[ "$status" -eq 0 ]
	engine history --format '{{.Comment}}' two
	assert_output "Imported from -"
	mkdir "$TEST_DIR/www" && cp "$tar" "$TEST_DIR/www/box.tar"
	host_serve 8099 "$TEST_DIR/www"
	engine import http://127.0.0.1:8099/box.tar three
	engine history --format '{{.Comment}}' three
	assert_output "Imported from http://127.0.0.1:8099/box.tar"
	[ "$(top_layer one:1) $(top_layer two)" = "$(top_layer three) $(top_layer three)" ]
	engine import --platform linux/arm/v7 "$tar" arm
	engine image inspect -f '{{.Os}} {{.Architecture}} {{.Variant}}' arm
	assert_output "linux arm v7"
	engine_fails 1 import --platform windows/amd64 "$tar"
	assert_stderr_contains "operating system 'windows' is not supported"
	engine_fails 1 import --platform linux//x "$tar"
	engine_fails 1 import "$TEST_DIR/none.tar"
	assert_stderr_contains "No such file or directory"
	engine_fails 1 import "$tar" BAD
	engine_fails 1 import http://127.0.0.1:8099/none.tar
	assert_short_stderr
	engine_fails 1 import -c 'RUN true' "$tar"
}

# ---- what registries call an image ----

@test "digests are those of registries: none before, one row for each after" {
	command -v docker-registry >/dev/null || skip "needs docker-registry"
	cat >"$TEST_DIR/registry.yml" <<-END
		version: 0.1
		storage: {filesystem: {rootdirectory: $TEST_DIR/registry}}
		http: {addr: 127.0.0.1:5099}
	END
	$NET_ENTER docker-registry serve "$TEST_DIR/registry.yml" >"$TEST_DIR/registry.log" 2>&1 </dev/null 3>&- &
	REGISTRY_PID=$!
	command -v skopeo >/dev/null || skip "needs skopeo"
	mkdir "$TEST_DIR/layout"
	wait_until host busybox wget -q -O /dev/null http://127.0.0.1:5099/v2/
	host skopeo copy -q --dest-tls-verify=false "oci:$VESSEL_ROOT:$(host jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$VESSEL_ROOT/index.json")" docker://127.0.0.1:5099/box:1
	engine pull -q 127.0.0.1:5099/box:1
	local digest
	digest="$(host skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://127.0.0.1:5099/box:1)"
	engine image inspect -f '{{.RepoDigests}}' 127.0.0.1:5099/box:1
	assert_output "[127.0.0.1:5099/box@$digest]"
	engine images --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}' 127.0.0.1:5099/box
	assert_output "127.0.0.1:5099/box 1 $digest"
	engine rmi 127.0.0.1:5099/box:1
}

# ---- the same in dockerd ----

docker_start() {
	for tool in dockerd docker jq; do
		command -v "$tool" >/dev/null || skip "needs $tool"
	done
	DOCKER_DIR="$(mktemp -d /var/tmp/vessel-dockerd.XXXXXX)"
	DOCKER_SOCKET="unix://$DOCKER_DIR/socket"
	dockerd --data-root "$DOCKER_DIR/root" --exec-root "$DOCKER_DIR/run" -p "$DOCKER_DIR/pid" --bridge=none --iptables=false \
		--ip6tables=false -H "$DOCKER_SOCKET" >"$DOCKER_DIR/log" 2>&1 </dev/null 3>&- &
	DOCKERD_PID=$!
	wait_until oracle version || { tail -n 3 "$DOCKER_DIR/log"; docker_stop; skip "dockerd does not start here"; }
}
docker_stop() {
	local ids
	ids="$(oracle ps -aq)"
	# shellcheck disable=SC2086 # a list of ids
	[ -z "$ids" ] || oracle rm -f -v $ids >/dev/null
	kill "$DOCKERD_PID" && wait "$DOCKERD_PID" 2>/dev/null
	unset DOCKERD_PID
	rm -rf "$DOCKER_DIR"
}
oracle() { timeout 60 docker -H "$DOCKER_SOCKET" "$@"; }

# The same words to both: $output of ours, and docker's in $theirs.
both() {
	theirs="$(oracle "$@")"
	engine "$@"
}
same() { [ "$1" = "$2" ] || { diff <(echo "$1") <(echo "$2"); return 1; }; }
# The members of a configuration that are part of an image, empty ones left out.
config_of() {
	jq -S '.[0] | {Author, Comment, Config: (.Config | {User, ExposedPorts, Env: (.Env | sort), Cmd, Volumes, WorkingDir,
		Entrypoint, OnBuild, Labels, StopSignal, Healthcheck} | with_entries(select(.value != null and .value != "" and .value != {})))}'
}

@test "commit, diff, export and history say what dockerd says" {
	docker_start
	local tree="$TEST_DIR/differential"
	mkdir "$tree"
	tar -C "$tree" -xf "$(box_tar)"
	changed_tree "$tree"
	# dockerd tells a rewritten file by its time: it must not be that of the same second.
	tar -C "$tree" --owner=0 --group=0 --mtime=2020-01-01 -cf "$tree.tar" .
	both import -c 'ENV FROM_IMAGE=1' -c 'LABEL image=yes' -c 'ENTRYPOINT ["sh", "-c"]' -c 'CMD ["sleep 1000"]' -c 'EXPOSE 1/udp' "$tree.tar" same
	both run -d --network none --name one -e ADDED=2 -e FROM_IMAGE=3 -l mine=1 -v /data -p 80 -w /tmp --stop-signal SIGQUIT same
	# No opaque directory: what dockerd makes of one depends on its kernel. No new symlink: it counts one's length as size.
	local changes="${CHANGES//rm -r \/opaque && mkdir -p \/opaque\/sub/rm \/opaque\/old \/opaque\/sub\/y}"
	changes="${changes/ && ln -s x \/link/}"
	both exec one sh -c "$changes"
	both diff one
	same "$output" "$(LC_ALL=C sort -k 2 <<<"$theirs")"
	both commit -a author -m message -c 'ENV CHANGED=4' -c 'LABEL mine=2' -c 'VOLUME /v' one committed
	both image inspect committed
	same "$(config_of <<<"$output")" "$(config_of <<<"$theirs")"
	both commit -c 'CMD ["other"]' -c 'ENTRYPOINT ["entry"]' one second
	both image inspect second
	same "$(config_of <<<"$output")" "$(config_of <<<"$theirs")"
	both history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' committed
	same "$output" "$theirs"
	both history -H=false --format '{{.Size}}' committed
	same "${lines[0]}" "$(head -n 1 <<<"$theirs")"
	both images --format '{{.Repository}} {{.Tag}} {{.Size}}' committed
	same "$output" "$theirs"
	# Names, modes, owners, sizes; but for what each engine puts there to mount on.
	local own='^(\.dockerenv|dev|dev/.*|proc|sys|etc/(hosts|hostname|resolv.conf|mtab))/?$'
	oracle export one >"$TEST_DIR/theirs.tar"
	"$VESSEL" export one >"$TEST_DIR/ours.tar"
	listing() { tar --numeric-owner -tvf "$1" | awk -v own="$own" '{ sub(/^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ /, "&"); name = $6; if (name !~ own) print $1, $2, $3, $6, $7, $8 }' | sort -k 4; }
	same "$(listing "$TEST_DIR/ours.tar")" "$(listing "$TEST_DIR/theirs.tar")"
	# What is exported here is an image there.
	oracle import - roundtrip <"$TEST_DIR/ours.tar" >/dev/null
	[ "$(oracle run --rm --network none roundtrip cat /added/f | wc -l)" = 1 ]
	docker_stop
}
