using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Mainstay.Routing.Sockets;

/// <summary>
/// File descriptors of this process: callers get none of the last ones, so that there are some for servers, and servers none of the
/// very last, so that there are some for files. A process of .NET that cannot open a file ends sooner or later: it reads its own
/// code from files when it is first used. The kernel always gives the lowest number that is free (POSIX, open(2)), so
/// the number of a new socket tells how many are in use. On other systems than Linux nothing is kept back.
/// </summary>
internal static class Descriptors
{
    private const int Least = 32;
    private const int Most = 512;
    private const int Kept = 8;

    /// <summary>RLIMIT_NOFILE of getrlimit(2) on Linux.</summary>
    private const int OpenFiles = 7;

    /// <summary>True if a new connection of a caller took one of those kept for servers and files: no more should be accepted.</summary>
    public static bool IsKeptForServers(Socket socket) => Number(socket) >= Limit - Reserve(Limit);

    /// <summary>True if a new connection to a server took one of those kept for files: it should be closed.</summary>
    public static bool IsKeptForFiles(Socket socket) => Number(socket) >= Limit - (Reserve(Limit) / 2);

    /// <summary>True if one more caller can be accepted.</summary>
    public static bool HaveRoom()
    {
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            return !IsKeptForServers(socket);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>What is kept back of a limit.</summary>
    internal static long Reserve(long limit) => Math.Clamp(limit / Kept, Least, Most);

    /// <summary>Read anew each time, since it can be changed from outside (prlimit).</summary>
    private static long Limit => OperatingSystem.IsLinux() && GetLimit(OpenFiles, out var limit) == 0 && limit.Soft > 0 ? limit.Soft : int.MaxValue;

    private static long Number(Socket socket) => socket.Handle;

    [DllImport("libc", EntryPoint = "getrlimit"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetLimit(int resource, out Limits limits);

    /// <summary>struct rlimit; "unlimited" is below 0 as a signed number.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Limits
    {
        public nint Soft;
        public nint Hard;
    }
}
