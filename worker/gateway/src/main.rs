//! `spillway-gateway`: the recognition API. See `spillway_gateway` for how.

fn main() -> std::process::ExitCode {
    spillway_gateway::main()
}
