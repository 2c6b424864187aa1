// Compiled twice with a different FRAME: the same addresses, other frames.
static void (*hook)(void);
void set_hook(void (*h)(void)) { hook = h; }
__attribute__((visibility("hidden"))) void call_hook(void) { hook(); }

#ifdef __x86_64__
#define SP "%rsp"
#define ROOM FRAME
#else
// Calls want a stack that is aligned to 16 bytes.
#define SP "%esp"
#define ROOM FRAME + 4
#endif

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
long twin(int n);
__asm__(".text\n.globl twin\n.type twin,@function\n.p2align 6\ntwin:\n.cfi_startproc\n"
        "sub $" TEXT(ROOM) ","SP"\n.cfi_adjust_cfa_offset " TEXT(ROOM) "\n"
        "call call_hook\n"
        "add $" TEXT(ROOM) ","SP"\n.cfi_adjust_cfa_offset -(" TEXT(ROOM) ")\n"
        "ret\n.cfi_endproc\n.size twin,.-twin\n");
