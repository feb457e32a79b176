//! `chandlery completions`.

use clap::{ArgGroup, Args, Command};
use clap_complete::{Shell, generate};

use crate::show;

/// How each shell is told of the script.
const INSTALLING: &str = "\
Installing:
  bash, with the package bash-completion; in ~/.bashrc:
    eval \"$(chandlery completions bash)\"
  zsh, into a folder of $fpath; ~/.zshrc runs compinit:
    chandlery completions zsh > \"${fpath[1]}/_chandlery\"
  fish:
    chandlery completions fish \\
      > ~/.config/fish/completions/chandlery.fish
  PowerShell, in the file that $PROFILE names:
    chandlery completions powershell \\
      | Out-String | Invoke-Expression
  elvish, in ~/.config/elvish/rc.elv:
    eval (chandlery completions elvish | slurp)
A script knows the commands of its version: print it again after an
upgrade, unless the shell does so by itself, as bash, PowerShell and
elvish do above.";

/// Print the script of a shell.
#[derive(Args)]
#[command(after_help = INSTALLING)]
pub struct Completions {
    /// The shell that the script is for
    shell: Shell,
}

impl Completions {
    /// Prints the script for all of this that help shows.
    pub fn run(self, command: &Command) {
        show::document(&script(self.shell, command));
    }
}

fn script(shell: Shell, command: &Command) -> String {
    let mut script = Vec::new();
    generate(shell, &mut shown(command), command.get_name(), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// A command as its help shows it: the generators suggest hidden commands and options, too.
fn shown(command: &Command) -> Command {
    let args: Vec<_> = command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned().collect();
    let groups: Vec<_> = command
        .get_groups()
        .map(|group| {
            let kept = group.get_args().filter(|id| args.iter().any(|arg| arg.get_id() == *id));
            ArgGroup::new(group.get_id().clone()).args(kept.cloned()).multiple(true)
        })
        .collect();
    let below = command.get_subcommands().filter(|below| !below.is_hide_set()).map(shown);
    let mut copy = Command::new(command.get_name().to_owned()).args(args).groups(groups).subcommands(below);
    if let Some(about) = command.get_about() {
        copy = copy.about(about.clone());
    }
    match command.get_version() {
        Some(version) => copy.version(version.to_owned()).propagate_version(true),
        None => copy,
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, ValueEnum as _};

    use super::*;
    use crate::Cli;

    #[test]
    fn every_shell_is_told_of_what_help_shows_and_of_nothing_else() {
        for shell in Shell::value_variants() {
            let script = script(*shell, &Cli::command());
            for word in ["namespace", "take", "--accept-price", "completions", "--json"] {
                assert!(script.contains(word.trim_start_matches('-')), "{shell}: {word}");
            }
            for hidden in ["import-spend", "chandlery;work", "chandlery__subcmd__work"] {
                assert!(!script.contains(hidden), "{shell}: {hidden}");
            }
        }
    }

    #[test]
    fn what_is_hidden_is_nowhere_in_what_is_completed() {
        fn look(command: &Command) {
            assert!(!command.is_hide_set() && command.get_arguments().all(|arg| !arg.is_hide_set()));
            command.get_subcommands().for_each(look);
        }
        let mut command = shown(&Cli::command());
        command.build();
        look(&command);
        assert!(command.find_subcommand("work").is_none() && command.find_subcommand("logs").is_some());
    }
}
