using System.Runtime.InteropServices;

namespace Mainstay.Tests.Storage;

/// <summary>
/// Makes every write to one open file fail for want of space, as long as it lives: it puts /dev/full under the file's
/// descriptor, and the file back at its end.
/// </summary>
internal sealed class FullDisk : IDisposable
{
    private readonly int _descriptor;
    private readonly int _saved;

    /// <param name="path">A file that this process has open.</param>
    public FullDisk(string path)
    {
        _descriptor = int.Parse(
            Path.GetFileName(Directory.EnumerateFiles("/proc/self/fd").Single(fd => new FileInfo(fd).LinkTarget == path)),
            System.Globalization.CultureInfo.InvariantCulture);
        _saved = dup(_descriptor);
        using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        Assert.Equal(_descriptor, dup2((int)full.SafeFileHandle.DangerousGetHandle(), _descriptor));
    }

    public void Dispose()
    {
        Assert.Equal(_descriptor, dup2(_saved, _descriptor));
        Assert.Equal(0, close(_saved));
    }

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int dup(int descriptor);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int dup2(int from, int to);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int close(int descriptor);
}
