using System.Globalization;
using System.Text;

namespace Mainstay.Control.Notify;

/// <summary>Commands and replies of SMTP (RFC 5321, section 4.2) over a stream. Replies are bounded.</summary>
internal sealed class SmtpDialog(Stream stream)
{
    private const int LongestLine = 1000;
    private const int MostLines = 100;
    private readonly byte[] _buffer = new byte[4096];
    private int _start;
    private int _end;

    /// <summary>True: the server sent more than was read.</summary>
    public bool HasUnread => _start < _end;

    /// <summary>Sends a command and reads the reply.</summary>
    /// <param name="code">The one that is good.</param>
    /// <param name="command">Null: none, the server speaks first.</param>
    /// <returns>The lines of the reply without the code.</returns>
    /// <exception cref="SmtpRefusalException">Another code came.</exception>
    /// <exception cref="IOException">What came is no reply, or the connection broke.</exception>
    public async Task<IReadOnlyList<string>> ExpectAsync(int code, string? command, CancellationToken cancel)
    {
        if (command is not null)
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(command + "\r\n"), cancel);
            await stream.FlushAsync(cancel);
        }
        var lines = new List<string>();
        while (lines.Count < MostLines)
        {
            var line = await ReadLineAsync(cancel);
            if (line.Length < 3 || !int.TryParse(line.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var came))
                throw new IOException("what answers is no SMTP server");
            lines.Add(line.Length > 4 ? line[4..] : "");
            if (line.Length > 3 && line[3] == '-')
                continue;
            return came == code ? lines : throw new SmtpRefusalException($"{came} {string.Join(' ', lines)}", came is >= 500 and < 600);
        }
        throw new IOException($"a reply of more than {MostLines} lines");
    }

    /// <summary>Says good-bye; the mail is handed over whether or not that is heard.</summary>
    public async Task LeaveAsync(CancellationToken cancel)
    {
        try
        {
            await ExpectAsync(221, "QUIT", cancel);
        }
        catch (Exception e) when (e is IOException or SmtpRefusalException or OperationCanceledException)
        {
            // Delivered all the same.
        }
    }

    private async Task<string> ReadLineAsync(CancellationToken cancel)
    {
        var line = new StringBuilder();
        while (line.Length <= LongestLine)
        {
            if (_start == _end)
            {
                (_start, _end) = (0, await stream.ReadAsync(_buffer, cancel));
                if (_end == 0)
                    throw new IOException("the connection was closed");
            }
            var next = (char)_buffer[_start++];
            if (next == '\n')
                return line.ToString().TrimEnd('\r');
            line.Append(char.IsControl(next) && next != '\r' ? ' ' : next);
        }
        throw new IOException($"a line of more than {LongestLine} characters");
    }
}

/// <summary>A mail server said no.</summary>
/// <param name="isForGood">True: with a code of 500 or more.</param>
internal sealed class SmtpRefusalException(string message, bool isForGood) : Exception(message)
{
    public bool IsForGood => isForGood;
}
