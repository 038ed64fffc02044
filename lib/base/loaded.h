/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * A library that is loaded when it is needed.  Its functions that are used are a table,
 *
 *	#define CALLS(X) X(nbd_create) X(nbd_close)
 *
 * of which CALLS(LOADED_MEMBER) makes the members of a structure, each of its function's name and
 * type, and CALLS(LOADED_FIND), in a function with a structure `l` that has the handle of dlopen(),
 * fills them, or returns false where one is missing.
 */
#ifndef ERA_BASE_LOADED_H
#define ERA_BASE_LOADED_H

#include <dlfcn.h>

#define LOADED_MEMBER(call) __typeof__(&call) call;

#define LOADED_FIND(call) \
	l->call = (__typeof__(l->call))dlsym(l->handle, #call); \
	if (!l->call) \
		return false;

#endif
