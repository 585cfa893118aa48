<#
.SYNOPSIS
Fills the demo database with a synthetic practice.

.DESCRIPTION
Settings come from .env_demo in the folder where it is called; it asks before it writes. Flags of `bicuspid generate`
that have no parameter here go behind the others as they are.

.EXAMPLE
./generate.ps1 -Patients 500

.EXAMPLE
./generate.ps1 -Patients 500 -Seed 7 -EndDate 2026-03-02 --report quality.html
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    [Parameter(Position = 0)][uint32] $Patients,
    [uint64] $Seed,
    [string] $StartDate,
    [string] $EndDate,
    [switch] $Yes,
    [switch] $DryRun,
    [switch] $Check,
    [Parameter(ValueFromRemainingArguments)][string[]] $Rest
)

$arguments = @('generate')
if ($PSBoundParameters.ContainsKey('Patients')) { $arguments += '--patients', $Patients }
if ($PSBoundParameters.ContainsKey('Seed')) { $arguments += '--seed', $Seed }
if ($StartDate) { $arguments += '--start-date', $StartDate }
if ($EndDate) { $arguments += '--end-date', $EndDate }
if ($Yes) { $arguments += '--yes' }
if ($DryRun) { $arguments += '--dry-run' }
if ($Check) { $arguments += '--check' }
if ($Rest) { $arguments += $Rest }

# Windows PowerShell has no $IsWindows; it is on Windows.
$name = if ($PSVersionTable.PSEdition -eq 'Desktop' -or $IsWindows) { 'bicuspid.exe' } else { 'bicuspid' }
$places = @($env:BICUSPID, (Join-Path $PSScriptRoot $name), (Join-Path $PSScriptRoot "target/release/$name"))
$program = $places | Where-Object { $_ -and (Test-Path -LiteralPath $_ -PathType Leaf) } | Select-Object -First 1
if (-not $program) {
    $program = (Get-Command bicuspid -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1).Source
}
if ($program) {
    & $program @arguments
} elseif (Get-Command cargo -ErrorAction SilentlyContinue) {
    Write-Host 'Building Bicuspid (the first time takes some minutes)'
    & cargo run --quiet --release --locked --manifest-path (Join-Path $PSScriptRoot 'Cargo.toml') --package bicuspid -- @arguments
} else {
    Write-Host 'error: there is no bicuspid and no cargo to build it'
    exit 2
}
exit $LASTEXITCODE
