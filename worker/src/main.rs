//! `spillway-worker`: recognizes the images of jobs. See `spillway_worker` for how.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    spillway_worker::main()
}
