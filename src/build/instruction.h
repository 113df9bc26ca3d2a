/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction of a Dockerfile: what kind it is, its flags and its arguments, split as the
 * language says for that kind, before any variable is expanded. One table (instruction.c) says
 * for each kind which form its arguments have, which flags it takes, and how many arguments.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strv.h"

struct error;

enum instruction_kind {
	INSTRUCTION_ADD,
	INSTRUCTION_ARG,
	INSTRUCTION_CMD,
	INSTRUCTION_COPY,
	INSTRUCTION_ENTRYPOINT,
	INSTRUCTION_ENV,
	INSTRUCTION_EXPOSE,
	INSTRUCTION_FROM,
	INSTRUCTION_HEALTHCHECK,
	INSTRUCTION_LABEL,
	INSTRUCTION_MAINTAINER,
	INSTRUCTION_ONBUILD,
	INSTRUCTION_RUN,
	INSTRUCTION_SHELL,
	INSTRUCTION_STOPSIGNAL,
	INSTRUCTION_USER,
	INSTRUCTION_VOLUME,
	INSTRUCTION_WORKDIR,
	INSTRUCTION_KIND_MAX_, /* keep last: sizes the tables */
};

#define INSTRUCTION_ARGS_MAX 10000

struct heredoc {
	char *name; /* the terminating word, without quotes */
	char *content; /* as written, leading tabs kept */
	bool expand; /* no part of the word was quoted */
	bool chomp; /* <<-: leading tabs go */
};

struct instruction {
	enum instruction_kind kind;
	int line; /* the first one, from 1 */
	char *text; /* continuation lines joined: "RUN apt-get update" */
	strv flags; /* "--chown=www-data", quotes taken away */
	/*
	 * By kind. ENV, LABEL: key, value, key, value. ARG: "NAME" or "NAME=value". FROM: name,
	 * "AS", stage. HEALTHCHECK: type, then the command. ADD, COPY: sources, destination.
	 * RUN, CMD, ENTRYPOINT: the JSON array's, or one line for the shell.
	 */
	strv args;
	bool json; /* args came as a JSON array */
	struct heredoc *heredocs;
	size_t heredoc_count;
	struct instruction *trigger; /* ONBUILD's */
};

/* Splits one logical line. On error *ret is left as it was; errors do not have the line yet. */
int instruction_parse(const char *text, char escape, struct instruction *ret, struct error **err);
/* What can be checked only with the heredocs in: counts of arguments, flags, stage names. */
int instruction_check(const struct instruction *instruction, struct error **err);
void instruction_done(struct instruction *instruction);

const char *instruction_name(enum instruction_kind kind); /* "RUN" */
/* ADD, COPY and RUN not in JSON form, also behind ONBUILD. */
bool instruction_takes_heredocs(const struct instruction *instruction);
/* The value of --name=value, NULL when it is not there; the last one of a repeated flag. */
const char *instruction_flag(const struct instruction *instruction, const char *name);
/* All values of a flag that may be repeated. */
strv instruction_flag_list(const struct instruction *instruction, const char *name);
/* A switch: 1 on, 0 off, -1 not given. */
int instruction_switch(const struct instruction *instruction, const char *name);

static inline void instruction_done_p_(struct instruction *instruction)
{
	instruction_done(instruction);
}
#define cleanup_instruction CLEANUP(instruction_done)
