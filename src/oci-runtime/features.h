/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Prints what --version prints. Returns the exit code. */
int features_version(const char *program);
