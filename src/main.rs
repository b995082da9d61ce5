//! The `cribble` binary: hands the command line to [`cribble::cli`].

fn main() -> std::process::ExitCode {
    cribble::cli::main()
}
