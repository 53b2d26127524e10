using System.Numerics;
using System.Text;

namespace Mainstay.Routing.Upstream.Protocols;

/// <summary>
/// Reads server-sent events from bytes that come in any pieces (WHATWG HTML, 9.2.6): lines end with LF, CR or CR LF, a byte order mark
/// may stand in front, comments and unknown fields are passed over. Each byte is looked at once; the data of an event with one
/// data line is not copied again.
/// </summary>
/// <param name="longest">Bytes that an event may have.</param>
internal sealed class SseReader(int longest = StreamReader.LongestEvent)
{
    private const int FirstBuffer = 4096;
    private const int MostNames = 32;

    private readonly List<string> _names = [];
    private byte[] _buffer = [];
    private byte[] _joined = [];
    private int _joinedLength;
    private int _end;
    private int _scanned;
    private int _line;
    private int _data;
    private int _dataLength;
    private int _dataLines;
    private string? _name;
    private bool _isBegun;
    private bool _sawCr;

    // What lies before it is not needed any more. Several data lines stand in _joined.
    private int Kept => _dataLines == 1 ? _data : _line;

    /// <summary>Takes the next bytes. To be called once all events before have been read: their data is lost now.</summary>
    public void Feed(ReadOnlySpan<byte> bytes)
    {
        if (_end + bytes.Length > _buffer.Length)
            MakeRoom(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(_end));
        _end += bytes.Length;
    }

    /// <summary>The next whole event; false: more bytes are needed.</summary>
    /// <exception cref="InvalidDataException">An event is longer than allowed.</exception>
    public bool TryRead(out SseEvent next)
    {
        while (TryReadLine(out var start, out var length))
        {
            if (length > 0)
            {
                TakeField(start, length);
                continue;
            }
            var data = _dataLines == 1 ? _buffer.AsMemory(_data, _dataLength) : _joined.AsMemory(0, _joinedLength);
            next = new SseEvent(data, _name);
            var isEvent = _dataLines > 0;
            _dataLines = _joinedLength = 0;
            _name = null;
            if (isEvent)
                return true;
        }
        next = default;
        return false;
    }

    private bool TryReadLine(out int start, out int length)
    {
        start = length = 0;
        if (_sawCr && _scanned < _end)
        {
            _sawCr = false;
            if (_buffer[_scanned] == '\n')
                _line = ++_scanned;
        }
        if (!_isBegun && !TryPassByteOrderMark())
            return false;
        var at = _buffer.AsSpan(_scanned, _end - _scanned).IndexOfAny((byte)'\n', (byte)'\r');
        var end = at < 0 ? _end : _scanned + at;
        if (end - Kept + _joinedLength > longest)
            throw new InvalidDataException($"an event of more than {longest} bytes");
        if (at < 0)
        {
            _scanned = _end;
            return false;
        }
        start = _line;
        length = end - _line;
        _sawCr = _buffer[end] == '\r';
        _line = _scanned = end + 1;
        return true;
    }

    private bool TryPassByteOrderMark()
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        var came = _buffer.AsSpan(0, Math.Min(_end, mark.Length));
        if (!mark.StartsWith(came))
        {
            _isBegun = true;
            return true;
        }
        if (came.Length < mark.Length)
            return false;
        _isBegun = true;
        _line = _scanned = mark.Length;
        return true;
    }

    private void TakeField(int start, int length)
    {
        var line = _buffer.AsSpan(start, length);
        var colon = line.IndexOf((byte)':');
        var field = colon < 0 ? line : line[..colon];
        var value = colon < 0 ? length : colon + 1;
        if (value < length && line[value] == ' ')
            value++;
        if (field.SequenceEqual("data"u8))
            TakeData(start + value, length - value);
        else if (field.SequenceEqual("event"u8))
            _name = value == length ? null : Name(line[value..]);
    }

    private void TakeData(int start, int length)
    {
        if (++_dataLines == 1)
        {
            (_data, _dataLength) = (start, length);
            return;
        }
        if (_dataLines == 2)
            Join(_buffer.AsSpan(_data, _dataLength));
        Join("\n"u8);
        Join(_buffer.AsSpan(start, length));
    }

    private void Join(ReadOnlySpan<byte> bytes)
    {
        if (_joinedLength + bytes.Length > _joined.Length)
            Array.Resize(ref _joined, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(_joinedLength + bytes.Length, FirstBuffer)));
        bytes.CopyTo(_joined.AsSpan(_joinedLength));
        _joinedLength += bytes.Length;
    }

    // A stream has few names of events: each is made a string once.
    private string Name(ReadOnlySpan<byte> bytes)
    {
        foreach (var known in _names)
            if (Ascii.Equals(bytes, known))
                return known;
        var name = Encoding.UTF8.GetString(bytes);
        if (_names.Count < MostNames)
            _names.Add(name);
        return name;
    }

    // Moves only when at least half the buffer gets free, so that a long event in small pieces is not moved again and again.
    private void MakeRoom(int more)
    {
        var kept = Kept;
        var left = _end - kept;
        var target = _buffer;
        if (left + more > _buffer.Length / 2)
            target = new byte[BitOperations.RoundUpToPowerOf2((uint)Math.Max(2 * (left + more), FirstBuffer))];
        _buffer.AsSpan(kept, left).CopyTo(target);
        _buffer = target;
        _data -= kept;
        _line -= kept;
        _scanned -= kept;
        _end = left;
    }
}

/// <summary>One server-sent event.</summary>
/// <param name="Data">Its data lines, joined by line feeds. Good until more bytes are fed or the next one is read.</param>
/// <param name="Name">What its <c>event</c> field says; null: nothing.</param>
internal readonly record struct SseEvent(ReadOnlyMemory<byte> Data, string? Name);
