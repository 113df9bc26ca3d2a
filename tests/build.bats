#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Builds from Dockerfiles. Whether a step was taken from the cache is seen by its result, not by
# what is printed: a RUN that writes a random number gives another image each time it really runs.
load helpers

setup() {
	engine_setup empty
	busybox_image base
	context="$TEST_DIR/context"
	mkdir "$context"
}
teardown() { engine_teardown; }

# The Dockerfile of the context, from stdin.
dockerfile() { cat >"$context/Dockerfile"; }

# Builds the context as `image`, without the network.
build() { engine build --network none -t image "$@" "$context"; }
build_id() {
	engine build -q --network none -t image "$@" "$context"
	id=$output
}
steps_are_over() { ! pgrep -f -- "$VESSEL_RUN" >/dev/null; }
in_image() { engine run --rm --network none image "$@"; }

@test "RUN works in the image, and what it writes is in the next step and in the image" {
	dockerfile <<-'END'
		FROM base
		RUN echo one >/file
		RUN cat /file >/copy && echo two >>/copy
	END
	build
	in_image cat /copy
	assert_output "one
two"
}

@test "a failing RUN ends the build with file, line, command and exit code" {
	dockerfile <<-'END'
		FROM base

		RUN echo the last words; exit 7
		RUN touch /never
	END
	engine_fails 1 build --network none -t image "$context"
	assert_stderr_line "Dockerfile:3: RUN echo the last words; exit 7: exit code 7"
	assert_stderr_line "the last words"
}

@test "a RUN of a program that is not there says so, with its line" {
	dockerfile <<-'END'
		FROM base
		RUN ["/no/such/program"]
	END
	engine_fails 1 build --network none "$context"
	assert_stderr_line "Dockerfile:2: RUN"
}

@test "ENV, ARG and their expansion; --build-arg" {
	dockerfile <<-'END'
		ARG GLOBAL=g
		FROM base
		ARG GLOBAL
		ARG NAME=default
		ENV A=1 B="two words" C=${NAME}-$GLOBAL
		RUN echo "$A|$B|$C|$NAME" >/out
		RUN echo "${D:-fallback}" >>/out
	END
	build
	in_image cat /out
	assert_output "1|two words|default-g|default
fallback"
	build --build-arg NAME=given --build-arg GLOBAL=G
	in_image cat /out
	assert_output "1|two words|given-G|given
fallback"
	in_image sh -c 'echo $C, ${NAME-unset}' # an ARG does not stay
	assert_output "given-G, unset"
}

@test "WORKDIR is made, chains, and is where RUN and COPY work" {
	echo content >"$context/file"
	dockerfile <<-'END'
		FROM base
		ENV DIR=/a
		WORKDIR $DIR
		WORKDIR b
		COPY file .
		RUN pwd >where
	END
	build
	in_image sh -c 'pwd; cat /a/b/where /a/b/file'
	assert_output "/a/b
/a/b
content"
}

@test "USER is who runs" {
	dockerfile <<-'END'
		FROM base
		RUN mkdir -m 777 /open
		USER 1234:50
		RUN id -u >/open/uid; id -g >/open/gid
	END
	build
	in_image cat /open/uid /open/gid
	assert_output "1234
50"
}

@test "CMD, ENTRYPOINT, LABEL, EXPOSE, STOPSIGNAL, VOLUME, SHELL are in the image" {
	dockerfile <<-'END'
		FROM base
		SHELL ["/bin/sh", "-e", "-c"]
		ENTRYPOINT ["/bin/echo", "a"]
		CMD b c
		LABEL x=1 y="two words"
		EXPOSE 80 53/udp 8000-8001
		STOPSIGNAL SIGINT
		VOLUME /data
	END
	build --label z=3
	engine inspect image
	[ "$(jq -c '.[0].Config.Entrypoint' <<<"$output")" = '["/bin/echo","a"]' ]
	[ "$(jq -c '.[0].Config.Cmd' <<<"$output")" = '["/bin/sh","-e","-c","b c"]' ]
	[ "$(jq -c '.[0].Config.Labels' <<<"$output")" = '{"x":"1","y":"two words","z":"3"}' ]
	[ "$(jq -c '.[0].Config.ExposedPorts | keys' <<<"$output")" = '["53/udp","80/tcp","8000/tcp","8001/tcp"]' ]
	[ "$(jq -r '.[0].Config.StopSignal' <<<"$output")" = SIGINT ]
	[ "$(jq -c '.[0].Config.Volumes | keys' <<<"$output")" = '["/data"]' ]
}

@test "a second build is all cache, and the same image" {
	echo content >"$context/file"
	dockerfile <<-'END'
		FROM base
		RUN cat /proc/sys/kernel/random/uuid >/random
		WORKDIR /work
		COPY file /file
		RUN true
		RUN true
		LABEL a=b
	END
	build_id
	first=$id
	touch "$context/file" # times are no content
	build_id
	[ "$id" = "$first" ]
	build_id --no-cache
	[ "$id" != "$first" ]
}

@test "the cache is missed by what changed, and by what follows it" {
	echo one >"$context/file"
	dockerfile <<-'END'
		FROM base
		RUN cat /proc/sys/kernel/random/uuid >/before
		COPY file /
		RUN cat /proc/sys/kernel/random/uuid >/after
	END
	build
	in_image cat /before
	before=$output
	in_image cat /after
	after=$output
	echo two >"$context/file"
	build
	in_image cat /before
	assert_output "$before"
	in_image cat /after
	[ "$output" != "$after" ]
	chmod 600 "$context/file" # a mode is content
	build
	in_image stat -c %a /file
	assert_output 600
}

@test "an ARG that is used is part of the key, one that another stage uses is not" {
	dockerfile <<-'END'
		FROM base AS other
		ARG X
		RUN echo "$X" >/x
		FROM base
		RUN cat /proc/sys/kernel/random/uuid >/random
		COPY --from=other /x /
	END
	build --build-arg X=1
	in_image cat /random
	random=$output
	build --build-arg X=2
	in_image cat /x
	assert_output 2
	in_image cat /random
	assert_output "$random"
}

@test "COPY: files, directories, wildcards, links, owners, modes" {
	mkdir -p "$context/dir/sub"
	echo 1 >"$context/a.txt"
	echo 2 >"$context/b.txt"
	echo 3 >"$context/dir/sub/c"
	ln -s sub/c "$context/dir/link"
	chmod 640 "$context/a.txt"
	dockerfile <<-'END'
		FROM base
		COPY a.txt /renamed
		COPY *.txt /texts/
		COPY dir /dir
		COPY --chown=1234:50 --chmod=u=rwx,go= a.txt /owned
	END
	build
	in_image sh -c 'cat /renamed /texts/a.txt /texts/b.txt /dir/sub/c /dir/link; stat -c "%u:%g %a" /renamed /owned; readlink /dir/link'
	assert_output "1
1
2
3
3
0:0 640
1234:50 700
sub/c"
}

@test "COPY --exclude, --parents, --link" {
	mkdir -p "$context/a/b/c" "$context/x/y/z"
	touch "$context/a/b/c/1.md" "$context/a/b/c/2.txt" "$context/a/b/3.txt" "$context/x/y/z/4.txt"
	chmod 711 "$context/a/b"
	dockerfile <<-'END'
		FROM base
		COPY --exclude=**/*.md --exclude=b/3.txt a /excluded/
		COPY --parents a/b/c/1.md x/./y/z /parents/
		COPY --parents **/*.txt /deep/
		RUN mkdir /real && touch /real/here && ln -s real /link
		COPY --link a/b/3.txt /link/
	END
	build
	in_image sh -c 'cd /excluded && find . -type f; cd /parents && find . -type f | sort; stat -c %a a/b; cd /deep && find . -type f | sort; ls -A /link /real'
	assert_output "./b/c/2.txt
./a/b/c/1.md
./y/z/4.txt
711
./a/b/3.txt
./a/b/c/2.txt
./x/y/z/4.txt
/link:
3.txt

/real:
here" # --link sees nothing of what is below, not even that /link is one
}

@test "a layer of COPY --link is taken from the cache above another base" {
	echo content >"$context/file"
	printf 'FROM base\nRUN echo 1 >/below\nCOPY --link file /\n' | dockerfile
	build
	printf 'FROM base\nRUN echo 2 >/below\nCOPY --link file /\n' | dockerfile
	engine build --network none -t image "$context"
	assert_stderr_line "#4 CACHED"
	in_image cat /below /file
	assert_output "2
content"
}

@test "COPY follows a link in the image, and does not leave it" {
	echo content >"$context/file"
	dockerfile <<-'END'
		FROM base
		RUN mkdir /real && ln -s /real /link && ln -s ../../../../../../etc/cron.d /out
		COPY file /link/
		COPY file /out/planted
	END
	build
	in_image sh -c 'cat /real/file /etc/cron.d/planted'
	assert_output "content
content"
	[ ! -e /etc/cron.d/planted ]
}

@test "COPY cannot reach outside the context" {
	mkdir "$TEST_DIR/outside"
	echo secret >"$TEST_DIR/outside/file"
	ln -s "$TEST_DIR/outside/file" "$context/link"
	ln -s "$TEST_DIR/outside" "$context/dirlink"
	for source in link ../outside/file dirlink/file "dirl*/file"; do
		printf 'FROM base\nCOPY ["%s", "/got/"]\n' "$source" | dockerfile
		if engine build --network none -t image "$context"; then
			in_image sh -c 'cat /got/* 2>/dev/null || true'
			[[ "$output" != *secret* ]]
		fi
	done
}

@test "neither Dockerfile nor .dockerignore can be a file of this machine" {
	printf 'FROM base\nRUN echo secret\n' >"$TEST_DIR/outside"
	ln -s ../outside "$context/Dockerfile"
	engine_fails 1 build --network none "$context"
	assert_stderr_line "there is no 'Dockerfile'"
	ln -sf "$TEST_DIR/outside" "$context/Dockerfile"
	engine_fails 1 build --network none "$context"
	assert_stderr_line "there is no 'Dockerfile'"
	rm "$context/Dockerfile"
	printf 'FROM base\nCOPY . /all/\n' | dockerfile
	echo '[secret' >"$TEST_DIR/outside" # as a pattern it would be shown
	ln -s ../outside "$context/.dockerignore"
	engine build --network none -t image "$context"
	[[ "$stderr" != *secret* ]]
	rm "$context/.dockerignore" "$context/Dockerfile"
	mkfifo "$context/Dockerfile" # nobody writes to it
	engine_fails 1 build --network none "$context"
	assert_stderr_line "not a regular file"
}

@test "WORKDIR through /proc/self/fd does not lead to the host" {
	for n in 3 4 5 6 7 8 9 10 11 12; do
		printf 'FROM base\nWORKDIR /proc/self/fd/%s\nRUN cat ../../../../../..%s >/out 2>/dev/null || true\n' \
			"$n" "$context/secret" | dockerfile
		echo secret >"$context/secret"
		if engine build --network none -t image "$context"; then
			in_image sh -c 'cd /; cat /out' || continue
			[[ "$output" != *secret* ]]
		fi
	done
}

@test "COPY of what is not there says what and where" {
	dockerfile <<-'END'
		FROM base
		COPY missing /
	END
	engine_fails 1 build --network none "$context"
	assert_stderr_line "Dockerfile:2: COPY missing /: 'missing' is not in the build context"
}

@test "several sources need a directory" {
	touch "$context/a" "$context/b"
	dockerfile <<-'END'
		FROM base
		COPY a b /file
	END
	engine_fails 1 build --network none "$context"
	assert_stderr_line "several sources need a directory"
}

@test "ADD unpacks archives by content, COPY does not" {
	mkdir "$TEST_DIR/packed"
	echo content >"$TEST_DIR/packed/file"
	tar -C "$TEST_DIR/packed" -czf "$context/misnamed.txt" file
	echo plain | gzip >"$context/plain.gz"
	dockerfile <<-'END'
		FROM base
		ADD misnamed.txt /added/
		COPY misnamed.txt /copied/
		ADD plain.gz /gz/
		ADD --chown=1234:50 misnamed.txt /owned/
	END
	build
	in_image sh -c 'cat /added/file; ls /added /copied /gz; stat -c %u:%g /owned/file; zcat /gz/plain.gz'
	assert_output "content
/added:
file

/copied:
misnamed.txt

/gz:
plain.gz
1234:50
plain"
}

@test "ADD of a URL is refused with its line" {
	dockerfile <<-'END'
		FROM base
		ADD https://example.com/file /
	END
	engine_fails 1 build --network none "$context"
	assert_stderr_line "Dockerfile:2:"
	assert_stderr_line "not supported"
}

@test "what a RUN may not or cannot have is refused before the first step" {
	while IFS='|' read -r flags says; do
		printf 'FROM base\nRUN touch /side-effect\nRUN %s true\n' "$flags" | dockerfile
		engine_fails 1 build --network none "$context"
		assert_stderr_line "Dockerfile:3: RUN"
		assert_stderr_line "$says"
		[[ "$stderr" != *side-effect* ]]
	done <<-'END'
		--network=host|not allowed by a Dockerfile alone
		--network=HOST|--network must be default, none or host
		--security=insecure|--security=insecure is not allowed
		--security=INSECURE |--security must be sandbox or insecure
		--mount=type=cache,target=/x|--mount=type=cache is not supported yet
		--mount=type=bind,target=/x,bind-propagation=shared|there is no key 'bind-propagation'
		--device=x|--device is not supported yet
	END
}

@test "heredocs: scripts for the shell, with an interpreter, and files" {
	dockerfile <<-'END'
		FROM base
		ARG WHO=you
		RUN <<EOF
		echo one >/out
		echo two >>/out
		EOF
		RUN <<EOF
		#!/bin/cat
		printed, not run
		EOF
		COPY <<EOF <<-'RAW' /texts/
		hello $WHO
		EOF
			hello $WHO
		RAW
	END
	build
	in_image sh -c 'cat /out /texts/EOF /texts/RAW; ls -A / | grep -c run- || true'
	assert_output "one
two
hello you
hello \$WHO
0"
}

@test ".dockerignore hides files, ! takes back" {
	mkdir -p "$context/node_modules/keep" "$context/src"
	touch "$context/node_modules/a" "$context/node_modules/keep/b" "$context/src/x.o" "$context/src/x.c" "$context/.env"
	cat >"$context/.dockerignore" <<-'END'
		# a comment
		node_modules
		!node_modules/keep
		**/*.o
		.env
		Dockerfile
		.dockerignore
	END
	dockerfile <<-'END'
		FROM base
		COPY . /all/
	END
	build
	in_image sh -c 'cd /all && find . -type f | sort'
	assert_output "./node_modules/keep/b
./src/x.c"
	dockerfile <<-'END'
		FROM base
		COPY .env /
	END
	engine_fails 1 build --network none "$context"
	assert_stderr_line ".dockerignore"
	printf '*\n!src\n' >"$context/.dockerignore" # the root itself is always there
	printf 'FROM base\nCOPY . /all/\n' | dockerfile
	build
	in_image sh -c 'cd /all && find . -type f | sort'
	assert_output "./src/x.c
./src/x.o"
}

@test "the Dockerfile's own .dockerignore wins" {
	touch "$context/a" "$context/b"
	echo a >"$context/.dockerignore"
	printf 'b\nOther*\n.dockerignore\n' >"$context/Other.dockerignore"
	printf 'FROM base\nCOPY . /all/\n' >"$context/Other"
	build -f "$context/Other"
	in_image ls -A /all
	assert_output a
}

@test "a big file that nothing uses is not read" {
	truncate -s 4T "$context/huge" 2>/dev/null || truncate -s 1T "$context/huge"
	echo content >"$context/file"
	dockerfile <<-'END'
		FROM base
		COPY file /
	END
	build # hashing or sending it would take hours
	in_image cat /file
	assert_output content
}

@test "multi-stage: by name, by number, from an image; --target" {
	dockerfile <<-'END'
		FROM base AS First
		RUN echo first >/file
		FROM base
		RUN echo second >/file
		FROM scratch AS last
		COPY --from=first /file /1
		COPY --from=1 /file /2
		COPY --from=base /bin/busybox /bin/busybox
		CMD ["/bin/busybox", "cat", "/1", "/2"]
	END
	build
	in_image /bin/busybox cat /1 /2
	assert_output "first
second"
	build --target FIRST
	in_image cat /file
	assert_output first
	engine_fails 1 build --target nosuch "$context"
	assert_stderr_line "has no stage 'nosuch'"
	assert_stderr_line "first, last"
}

@test "stages that the target does not need are not built" {
	dockerfile <<-'END'
		FROM base AS broken
		RUN exit 1
		FROM base AS good
		RUN true
	END
	build --target good
}

@test "FROM an earlier stage goes on from it" {
	dockerfile <<-'END'
		FROM base AS a
		ENV X=1
		WORKDIR /w
		RUN echo "$X" >file
		FROM a
		RUN cat file >copy
	END
	build
	in_image cat /w/copy
	assert_output 1
}

@test "FROM scratch" {
	cp "$(command -v busybox)" "$context/"
	dockerfile <<-'END'
		FROM scratch
		COPY busybox /bin/
		RUN ["/bin/busybox", "mkdir", "/made"]
		ENTRYPOINT ["/bin/busybox"]
	END
	build
	in_image /bin/busybox ls /
	assert_line made
}

@test "ONBUILD runs in the next build, once" {
	dockerfile <<-'END'
		FROM base
		ONBUILD RUN echo triggered >>/out
	END
	engine build --network none -t parent "$context"
	dockerfile <<-'END'
		FROM parent
		RUN echo own >>/out
	END
	engine build --network none -t child "$context"
	dockerfile <<-'END'
		FROM child
	END
	build
	in_image cat /out
	assert_output "triggered
own"
}

@test "mistakes are told with file and line, before anything runs" {
	while IFS='|' read -r line text; do
		printf 'FROM base\nRUN touch /side-effect\n%s\n' "$text" | dockerfile
		engine_fails 1 build --network none "$context"
		assert_stderr_line "Dockerfile:3: $line"
	done <<-'END'
		unknown instruction: RUNN (did you mean RUN?)|RUNN true
		COPY needs at least one source and a destination|COPY a
		COPY has no flag --chwon (did you mean --chown?)|COPY --chwon=1 a /b
		ENV needs name=value|ENV x
		HEALTHCHECK needs NONE or CMD|HEALTHCHECK maybe
		ONBUILD cannot trigger FROM|ONBUILD FROM x
		SHELL needs a JSON array|SHELL /bin/sh -c
		the heredoc is not closed|RUN <<EOF
	END
}

@test "no Dockerfile, an empty one, one without FROM" {
	engine_fails 1 build "$context"
	assert_stderr_line "there is no 'Dockerfile'"
	: | dockerfile
	engine_fails 1 build "$context"
	assert_stderr_line "Dockerfile has no instructions"
	echo RUN true | dockerfile
	engine_fails 1 build "$context"
	assert_stderr_line "Dockerfile:1: RUN stands before the first FROM"
	engine_fails 1 build "$context/nosuch"
	assert_stderr_line "No such file or directory"
}

@test "a Dockerfile on stdin, alone and with a context; a tar on stdin" {
	echo content >"$context/file"
	printf 'FROM base\nRUN echo alone >/out\n' | engine build --network none -t image -
	in_image cat /out
	assert_output alone
	printf 'FROM base\nCOPY file /\n' | engine build --network none -t image -f - "$context"
	in_image cat /file
	assert_output content
	printf 'FROM base\nCOPY file /\nRUN rm /file; echo tar >/out\n' | dockerfile
	tar -C "$context" -cz . | engine build --network none -t image -
	in_image cat /out
	assert_output tar
	engine_fails 1 build --network none - <<<$'FROM base\nCOPY file /'
	assert_stderr_line "there is no build context"
}

@test "-f names another Dockerfile; tags and --iidfile" {
	mkdir "$context/docker"
	printf 'FROM base\nRUN true\n' >"$context/docker/My"
	engine build -q --network none -f "$context/docker/My" -t one -t two:x --iidfile "$TEST_DIR/iid" "$context"
	id=$output
	[ "$(cat "$TEST_DIR/iid")" = "$id" ]
	engine inspect one
	[[ "$output" == *"$id"* ]]
	engine inspect two:x
	[[ "$output" == *"$id"* ]]
	engine_fails 1 build -t 'Not Valid' "$context"
}

@test "a build that is killed at any moment leaves nothing in the way of the next" {
	dockerfile <<-'END'
		FROM base
		RUN echo one >/one
		COPY Dockerfile /two
		RUN sleep 0.2; echo three >/three
		WORKDIR /four
	END
	for delay in 0.01 0.03 0.05 0.1 0.2 0.3; do
		"$VESSEL" build --no-cache --network none -t image "$context" >/dev/null 2>&1 &
		child=$!
		sleep "$delay" # the moment is what is varied; nothing is waited for
		kill -KILL "$child" 2>/dev/null || true
		wait "$child" || true
	done
	wait_until steps_are_over # a step that runs goes on without its build
	build
	in_image sh -c 'cat /one /three; ls -d /two /four'
	assert_output "one
three
/four
/two"
}
