/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error numbers, with Linux's values, because hypercalls return them. */
#ifndef KERNEL_ERRNO_H
#define KERNEL_ERRNO_H

#ifndef EPERM
#define EPERM	   1
#define ENOENT	   2
#define EINTR	   4
#define EIO	   5
#define E2BIG	   7
#define EAGAIN	   11
#define ENOMEM	   12
#define EACCES	   13
#define EFAULT	   14
#define EBUSY	   16
#define EEXIST	   17
#define ENODEV	   19
#define EINVAL	   22
#define ENOSPC	   28
#define ERANGE	   34
#define ENOSYS	   38
#define EBADMSG	   74
#define EOPNOTSUPP 95
#define ETIMEDOUT  110
#define ECANCELED  125
#endif

#endif
