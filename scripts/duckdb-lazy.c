/* Stands in for libduckdb.so when the program is linked, and loads it at the first call of any of its functions: reading the
 * library's 58,000 symbols takes the dynamic loader longer than all else the program does before its first frame, and much of what
 * it does needs no database. It also sets how the program's memory is handed out, which no safe Rust can.
 *
 * setup-duckdb.sh compiles this into an archive. functions.h, which it makes from the library's dynamic symbols, holds a line
 * F(name, number) for each function. A function here jumps to where its slot points; the arguments stay where the caller put
 * them. Before the library is loaded a slot is null.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HIDDEN __attribute__((visibility("hidden"), used))
#define SLOT(number) "foreshadow_duckdb_slots+8*" #number

static const char *const names[] = {
#define F(name, number) #name,
#include "functions.h"
#undef F
};

enum { COUNT = sizeof names / sizeof *names };

HIDDEN void *foreshadow_duckdb_slots[COUNT];

static void end(const char *advice) {
  const char *why = dlerror();
  dprintf(STDERR_FILENO, "foreshadow: cannot load DuckDB: %s; %s\n", why ? why : "no reason given", advice);
  _exit(3); /* the caller may hold any lock: nothing of the program's runs any more */
}

/* Where the library lies, once it is loaded. */
static ElfW(Addr) library_at;

/* Resolving the library's symbols read 10 MB of tables that are hardly looked at again, and a start runs through much code of the
 * library and the program that nothing runs afterwards. What is mapped read-only is on disk as it is in memory: it comes back where it is
 * needed. `also` is null for the library alone. */
static int forget_pages(struct dl_phdr_info *object, size_t size, void *also) {
  (void)size;
  int program = object->dlpi_name[0] == 0;
  if (object->dlpi_addr != library_at && !(also && program)) return 0;
  for (int number = 0; number < object->dlpi_phnum; number++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[number];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), start = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
    if (part->p_type == PT_LOAD && !(part->p_flags & PF_W))
      madvise((void *)start, object->dlpi_addr + part->p_vaddr + part->p_memsz - start, MADV_DONTNEED);
  }
  return 0;
}

/* The store sets DuckDB's limit anew when it gives back what it does not need: after it was opened, and every minute after that. So is
 * this given back. */
static int (*ask)(void *connection, const char *text, void *result);

static int ask_and_give_back(void *connection, const char *text, void *result) {
  int state = ask(connection, text, result);
  if (text && !strncmp(text, "SET memory_limit", 16)) dl_iterate_phdr(forget_pages, &library_at);
  return state;
}

static void load(void) {
  /* Lazy: most of what the library could call is never called, and then never looked up. */
  void *library = dlopen("libduckdb.so", RTLD_LAZY | RTLD_LOCAL);
  if (!library) end("put it beside the program or in ../lib, or build the program again");
  library_at = ((struct link_map *)library)->l_addr;
  void *found[COUNT];
  for (int number = 0; number < COUNT; number++) {
    found[number] = dlsym(library, names[number]);
    if (!found[number]) end("the program was built with another one");
    if (!strcmp(names[number], "duckdb_query")) {
      ask = (int (*)(void *, const char *, void *))found[number];
      found[number] = (void *)ask_and_give_back;
    }
  }
  dl_iterate_phdr(forget_pages, NULL);
  /* Release here and acquire where a slot is read: who sees the address sees the loaded library too. */
  for (int number = 0; number < COUNT; number++)
    __atomic_store_n(&foreshadow_duckdb_slots[number], found[number], __ATOMIC_RELEASE);
}

HIDDEN void foreshadow_duckdb_load(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
}

/* glibc gives each thread a heap of its own, and what one gives back is of no use to the others; large pieces move into the heaps as
 * soon as one was freed. A dozen threads that allocate little, and seldom at once, need one heap. */
__attribute__((constructor)) static void one_heap(void) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

#define BEGIN(name) ".globl " name "\n.type " name ", %function\n" name ":\n.cfi_startproc\n"
#define END(name) ".cfi_endproc\n.size " name ", .-" name "\n"

#if defined __x86_64__

/* %r11 is the callee's to use, and no argument. */
#define F(name, number)                       \
  BEGIN(#name)                                \
  "leaq " SLOT(number) "(%rip), %r11\n"       \
  "cmpq $0, (%r11)\n"                         \
  "je foreshadow_duckdb_first\n"              \
  "jmp *(%r11)\n" END(#name)

/* Keeps what may hold arguments: six integers, the static chain, the count of vectors, eight vectors. */
__asm__(".text\n"
        ".hidden foreshadow_duckdb_first\n" BEGIN("foreshadow_duckdb_first")
        "pushq %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "movq %rsp, %rbp\n"
        ".cfi_def_cfa_register %rbp\n"
        "pushq %rdi\npushq %rsi\npushq %rdx\npushq %rcx\npushq %r8\npushq %r9\npushq %rax\npushq %r10\npushq %r11\n"
        "subq $136, %rsp\n" /* with the nine above a multiple of 16, as the stack is after %rbp */
        "movups %xmm0, (%rsp)\nmovups %xmm1, 16(%rsp)\nmovups %xmm2, 32(%rsp)\nmovups %xmm3, 48(%rsp)\n"
        "movups %xmm4, 64(%rsp)\nmovups %xmm5, 80(%rsp)\nmovups %xmm6, 96(%rsp)\nmovups %xmm7, 112(%rsp)\n"
        "call foreshadow_duckdb_load\n"
        "movups (%rsp), %xmm0\nmovups 16(%rsp), %xmm1\nmovups 32(%rsp), %xmm2\nmovups 48(%rsp), %xmm3\n"
        "movups 64(%rsp), %xmm4\nmovups 80(%rsp), %xmm5\nmovups 96(%rsp), %xmm6\nmovups 112(%rsp), %xmm7\n"
        "addq $136, %rsp\n"
        "popq %r11\npopq %r10\npopq %rax\npopq %r9\npopq %r8\npopq %rcx\npopq %rdx\npopq %rsi\npopq %rdi\n"
        "popq %rbp\n"
        ".cfi_def_cfa %rsp, 8\n"
        "jmp *(%r11)\n" END("foreshadow_duckdb_first")
#include "functions.h"
);

#elif defined __aarch64__

/* x16 and x17 are for code like this. */
#define F(name, number)                                                      \
  BEGIN(#name)                                                               \
  "adrp x16, " SLOT(number) "\n"                                             \
  "add x16, x16, :lo12:" SLOT(number) "\n"                                   \
  "ldar x17, [x16]\n"                                                        \
  "cbz x17, foreshadow_duckdb_first\n"                                       \
  "br x17\n" END(#name)

/* Keeps what may hold arguments: eight integers, the result's address (x8), eight vectors; and the slot's address. */
__asm__(".text\n"
        ".hidden foreshadow_duckdb_first\n" BEGIN("foreshadow_duckdb_first")
        "stp x29, x30, [sp, #-224]!\n"
        ".cfi_def_cfa_offset 224\n"
        ".cfi_offset x29, -224\n"
        ".cfi_offset x30, -216\n"
        "mov x29, sp\n"
        "stp x0, x1, [sp, #16]\nstp x2, x3, [sp, #32]\nstp x4, x5, [sp, #48]\nstp x6, x7, [sp, #64]\nstp x8, x16, [sp, #80]\n"
        "stp q0, q1, [sp, #96]\nstp q2, q3, [sp, #128]\nstp q4, q5, [sp, #160]\nstp q6, q7, [sp, #192]\n"
        "bl foreshadow_duckdb_load\n"
        "ldp q6, q7, [sp, #192]\nldp q4, q5, [sp, #160]\nldp q2, q3, [sp, #128]\nldp q0, q1, [sp, #96]\n"
        "ldp x8, x16, [sp, #80]\nldp x6, x7, [sp, #64]\nldp x4, x5, [sp, #48]\nldp x2, x3, [sp, #32]\nldp x0, x1, [sp, #16]\n"
        "ldp x29, x30, [sp], #224\n"
        ".cfi_def_cfa_offset 0\n"
        ".cfi_restore x29\n"
        ".cfi_restore x30\n"
        "ldar x17, [x16]\n"
        "br x17\n" END("foreshadow_duckdb_first")
#include "functions.h"
);

#else
#error "no lazy loading for this processor"
#endif
