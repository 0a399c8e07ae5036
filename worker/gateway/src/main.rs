//! `spillway-gateway`: the recognition API. See `spillway_gateway` for how.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    spillway_gateway::main()
}
